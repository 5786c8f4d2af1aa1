// The dashboard in a browser, on an open stack: what changes shows, what is done is done, and a server that is away is said to be.
import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {ago, client, env, good, movement, newSession, psql, until} from './lib/http.mjs';
import {charted, downloaded, gateway, open, overflow, picture, ready, shows, textOf} from './lib/browser.mjs';

const api = client(env('URL'));
const made = [];
async function session(name, fields = {}) {
    const id = await newSession(api, {session_name: name, start_time: ago(7200), time_zone: 'UTC', ...fields});
    made.push(id);
    return id;
}
const enter = (id, people, more = {}) => api.post(`/sessions/${id}/movements`, Array.from({length: people}, () => movement(more))).then(good);
after(() => psql('PSQL', `DELETE FROM sessions WHERE id IN (${made.map(id => `'${id}'`).join(',')})`));

const room = await session('A quiet room', {capacity: 10});
await enter(room, 3);
const card = id => `.card[data-key="${id}"]`;
const insideOf = (page, id) => textOf(page, `${card(id)} .inside`);

test('it loads, and does nothing that it should not', async () => {
    const page = await open('/');
    await ready(page);
    await charted(page);
    assert.equal(await page.title(), 'People counter');
    assert.equal(await insideOf(page, room), '3');
    assert.match(await textOf(page, card(room)), /Space available.*3 of 10.*7 free places.*In today 3 Out today 0/);
    await shows(page, '#connection', /^Live\. Last update \d\d:\d\d:\d\d$/);
    page.clean();
    await page.closeAll();
});

test('a movement shows, a new session shows, and neither needs a reload', async () => {
    const page = await open('/');
    await ready(page);
    await page.evaluate(() => { globalThis.sameDocument = true; });
    await enter(room, 1, {movement_direction: 'out'});
    await shows(page, `${card(room)} .inside`, /^2$/);
    await shows(page, '#movements-list li', /Out.*A quiet room/);
    const hall = await session('Another hall');
    await enter(hall, 2);
    await shows(page, `${card(hall)} .inside`, /^2$/);
    await page.locator('#history-session option', {hasText: 'Another hall'}).waitFor({state: 'attached'});
    assert.ok(await page.evaluate(() => globalThis.sameDocument));
    page.clean();
    await page.closeAll();
});

test('the light: green, amber, red and, without a report for a while, grey', async () => {
    const [few, many, full, over] = await Promise.all([['few', 7], ['many', 8], ['full', 10], ['over', 12]].map(async ([name, people]) => {
        const id = await session(`Light ${name}`, {capacity: 10});
        await enter(id, people);
        return id;
    }));
    const silent = await session('Light silent', {capacity: 10});
    await enter(silent, 1, {movement_time: ago(1000)});
    const quiet = await session('Light quiet', {capacity: 10});   // nobody moves, but the counter reports
    await enter(quiet, 1, {movement_time: ago(1000)});
    good(await api.post(`/sessions/${quiet}/metrics`, {detection_status: 'waiting'}));
    const never = await session('Light never', {capacity: 10});
    const free = await session('Light unlimited');
    await enter(free, 5);
    const page = await open('/');
    await ready(page);
    for (const [id, level, text] of [[few, 'green', /Space available.*7 of 10.*3 free places/], [many, 'amber', /Nearly full.*8 of 10.*2 free places/],
        [full, 'red', /Full.*10 of 10.*No free places/], [over, 'red', /Over capacity.*12 of 10.*2 people too many/],
        [silent, 'grey', /Silent.*Last known count.*1 of 10.*No report since \d\d:\d\d/], [quiet, 'green', /Space available/],
        [never, 'grey', /Silent.*has not reported yet/], [free, 'blue', /Counting.*5.*No capacity is set/]]) {
        assert.equal(await page.locator(card(id)).getAttribute('data-level'), level, id);
        assert.match(await textOf(page, card(id)), text);
    }
    page.clean();
    await page.closeAll();
});

test('exits that found nobody are told as what they are', async () => {
    const id = await session('Leaky door');
    await enter(id, 2, {movement_direction: 'out'});
    const page = await open('/');
    await ready(page);
    assert.match(await textOf(page, `${card(id)} .hint`), /2 exits found nobody inside today/);
    assert.equal(await insideOf(page, id), '0');
    await page.closeAll();
});

test('an alert shows, is acknowledged, and is a past one when it is over', async () => {
    const id = await session('Watched room');
    assert.equal((await api.post('/rest/alert_thresholds', {session_id: id, threshold_name: 'too lively', alert_message: 'Ask them to wait <outside>',
        metric: 'current_people_inside', comparison: 'above', threshold_value: 4, severity: 'critical'})).status, 201);
    const page = await open('/');
    await ready(page);
    await enter(id, 6);
    const alert = page.locator('#alerts-open .alert', {hasText: 'too lively'});
    await alert.waitFor();
    assert.match(await alert.innerText(), /Critical[\s\S]*Ask them to wait <outside>[\s\S]*Watched room · people inside: 6 \(limit 4\)/);
    await page.locator('#announcer', {hasText: 'New alert: too lively, Watched room'}).waitFor({state: 'attached'});
    await alert.getByRole('button', {name: 'Acknowledge: too lively, Watched room'}).click();
    await page.fill('#acknowledge-by', 'Minh');
    await page.fill('#acknowledge-note', 'on my way');
    await picture(page, 'dialog-acknowledge');
    await page.click('#acknowledge [type=submit]');
    await shows(page, '#alerts-open .alert .notice', /Acknowledged .* by Minh\. “on my way”/);
    assert.equal(await alert.getByRole('button').count(), 0);
    const [row] = (await api.get(`/rest/alert_logs?session_id=eq.${id}`)).json;
    assert.deepEqual([row.acknowledged_by, row.note], ['Minh', 'on my way']);
    await enter(id, 3, {movement_direction: 'out'});
    await page.locator('#alerts-past .alert', {hasText: 'too lively'}).waitFor({state: 'attached'});
    await page.click('#alerts-past-title');
    await shows(page, '#alerts-past .alert', /too lively[\s\S]*Back to normal/);
    page.clean();
    await page.closeAll();
});

test('a count by hand is asked about, and is a baseline', async () => {
    const id = await session('Counted room', {capacity: 50});
    await enter(id, 5);
    const page = await open('/');
    await ready(page);
    await page.getByRole('button', {name: 'Set count of Counted room'}).click();
    await page.fill('#baseline-count', '-1');
    await page.click('#baseline-submit');
    await shows(page, '#baseline-error', /whole number/);
    await page.fill('#baseline-count', '12');
    await page.fill('#baseline-note', 'at the round');
    await page.click('#baseline-submit');
    await shows(page, '#baseline-question', 'Set Counted room from 5 to 12 people?');
    assert.deepEqual((await api.get(`/rest/occupancy_baselines?session_id=eq.${id}`)).json, []);
    await page.fill('#baseline-count', '13');
    assert.equal(await page.locator('#baseline-question').innerText(), '', 'another number is another question');
    await page.click('#baseline-submit');
    await picture(page, 'dialog-baseline');
    await page.click('#baseline-submit');
    await shows(page, `${card(id)} .inside`, /^13$/);
    const [row] = (await api.get(`/rest/occupancy_baselines?session_id=eq.${id}`)).json;
    assert.deepEqual([row.people_count, row.kind, row.note], [13, 'manual', 'at the round']);
    await page.getByRole('button', {name: 'Set count of Counted room'}).click();
    await page.getByLabel('A reset, such as to an empty room').check();
    assert.equal(await page.inputValue('#baseline-count'), '0');
    await page.click('#baseline-submit');
    await page.click('#baseline-submit');
    await shows(page, `${card(id)} .inside`, /^0$/);
    assert.match(await textOf(page, `${card(id)} .figures`), /In today 5/);
    page.clean();
    await page.closeAll();
});

test('hours and days: figures, gaps, the week before, and the same as CSV', async () => {
    // 12:00 to 12:30 with 2 inside and another until 13:00; nothing at 13:00; one more at 14:00. A week before: four, at noon.
    const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const week = new Date(Date.parse(day) - 7 * 86_400_000).toISOString().slice(0, 10);
    const id = await session('=Chart, "room"', {start_time: `${week}T00:00:00Z`, capacity: 4});
    const at = (date, time, direction) => movement({movement_time: `${date}T${time}Z`, movement_direction: direction});
    good(await api.post(`/sessions/${id}/movements`, [...Array(4).fill().map((_, i) => at(week, `12:0${i}:00`, 'in')), at(week, '12:50:00', 'out'),
        at(week, '12:51:00', 'out'), at(week, '12:52:00', 'out'), at(week, '12:53:00', 'out'),
        at(day, '12:00:00', 'in'), at(day, '12:15:00', 'in'), at(day, '12:45:00', 'out'), at(day, '14:30:00', 'in')]));
    const page = await open('/');
    await ready(page);
    await page.selectOption('#history-session', id);
    await page.fill('#day-date', day);
    await shows(page, '#day .wide-figures', /In\s*3\s*Out\s*1\s*Peak\s*2\s*at 12:15/);
    assert.match(await textOf(page, '#day .compare'), /^Compared with .*: 4 in \(-25%\), peak 4\.$/);
    assert.match(await page.locator('#day .chart').getAttribute('aria-label'), /hours of .*In: 3, Out: 1, Peak: 2/);
    await page.click('#day summary');
    await page.waitForSelector('#day tbody tr');
    const rows = await page.locator('#day tbody tr').allInnerTexts();
    assert.match(rows.find(row => row.startsWith('12:00')), /^12:00–13:00\t2\t1\t2\t12:15\t1\.\d\t4$/);
    assert.match(rows.find(row => row.startsWith('13:00')), /^13:00–14:00\tNo data\tNo data/);
    assert.equal(rows.length, 24);
    const hours = await downloaded(page, '#day-csv');
    assert.match(hours.name, /^Chart-room-hours-\d{4}-\d\d-\d\d\.csv$/);
    assert.equal(hours.rows.length, 24);
    const noon = hours.rows[12];
    const [told] = (await api.get(`/rest/hourly_analytics?session_id=eq.${id}&hour_timestamp=eq.${day}T12:00:00Z`)).json;
    assert.deepEqual([noon.hour_start, noon.session_name, noon.people_entered, noon.peak_people_count, noon.peak_time, noon.people_entered_week_before],
        [`${day}T12:00:00+00:00`, `'=Chart, "room"`, '2', '2', `${day}T12:15:00+00:00`, '4']);
    assert.equal(Number(noon.average_people_count), told.average_people_count);
    assert.deepEqual([hours.rows[13].people_entered, hours.rows[13].peak_people_count], ['', ''], 'a gap is not a zero');
    const days = await downloaded(page, '#range-csv');
    assert.equal(days.rows.length, 30);
    assert.deepEqual(days.rows.filter(row => row.total_people_entered !== '').map(row => [row.date, row.total_people_entered, row.peak_people_count]),
        [[week, '4', '4'], [day, '3', '2']]);
    assert.match(await textOf(page, '#range .compare'), /^2 of 30 days have data\.$/);
    await page.selectOption('#range-days', '7');
    await shows(page, '#range .compare', /^1 of 7 days has data\.$/);
    page.clean();
    await page.closeAll();
});

test('the lists as CSV', async () => {
    const page = await open('/');
    await ready(page);
    const sessions = await downloaded(page, '#sessions-csv');
    const quiet = sessions.rows.find(row => row.session_id === room);
    assert.deepEqual([quiet.session_name, quiet.state, quiet.current_people_inside, quiet.free_places, quiet.people_entered_today, quiet.people_exited_today],
        ['A quiet room', 'room', '2', '8', '3', '1']);
    const movements = await downloaded(page, '#movements-csv');
    assert.equal(movements.rows.length, await page.locator('#movements-list li').count());
    assert.ok(movements.rows.some(row => row.session_name === 'A quiet room' || row.movement_direction === 'in'));
    const alerts = await downloaded(page, '#alerts-csv');
    assert.deepEqual(alerts.rows.filter(row => row.alert_type === 'too lively').map(row => [row.session_name, row.acknowledged_by, row.resolved_reason]),
        [['Watched room', 'Minh', 'cleared']]);
    page.clean();
    await page.closeAll();
});

test('many sessions: the first ones, all of them, and those with a name', async () => {
    await psql('PSQL', `INSERT INTO sessions (session_name, start_time) SELECT 'Stand ' || i, now() FROM generate_series(1, 30) AS i`);
    await session(`${'W'.repeat(200)}  <b>&amp;</b>`);
    made.push(...(await psql('PSQL', `SELECT id FROM sessions WHERE session_name LIKE 'Stand %'`)).split('\n'));
    const page = await open('/');
    await ready(page);
    assert.equal(await page.locator('.card').count(), 12);
    await page.click('#sessions-more');
    assert.ok(await page.locator('.card').count() >= 30);
    for (const width of [390, 1440]) {
        await page.setViewportSize({width, height: 900});
        assert.equal(await overflow(page), 0, `a long name, ${width}`);
    }
    assert.ok((await page.locator('.card h3').allInnerTexts()).includes(`${'W'.repeat(200)} <b>&amp;</b>`), 'a name is text');
    await page.fill('#filter', 'stand 17');
    assert.deepEqual(await page.locator('.card h3').allInnerTexts(), ['Stand 17']);
    page.clean();
    await page.closeAll();
});

test('hidden, it asks nothing; shown again, it goes on at once', async () => {
    const page = await open('/');
    await ready(page);
    const hide = hidden => page.evaluate(value => {
        Object.defineProperty(document, 'hidden', {configurable: true, get: () => value});
        document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await hide(true);
    await shows(page, '#connection-text', /Paused/);
    await enter(room, 1);
    await hide(false);
    await shows(page, `${card(room)} .inside`, /^3$/);
    await shows(page, '#connection-text', /Live/);
    page.clean();
    await page.closeAll();
});

test('a server that is away is said to be, nothing stays green, and it goes on by itself', async () => {
    const page = await open('/');
    await ready(page);
    await shows(page, `${card(room)} .light`, 'Space available');
    await gateway('STOP');
    try {
        await shows(page, '#banner', /has not answered since/);
        assert.equal(await page.locator('.card:not([data-level=grey])').count(), 0);
        assert.match(await textOf(page, card(room)), /Not known.*Last known count 3 of 10/);
        assert.match(await textOf(page, '#connection'), /cannot be reached/);
        await picture(page, 'lost');
    } finally {
        await gateway('START');
    }
    await enter(room, 1);
    await shows(page, `${card(room)} .inside`, /^4$/);
    await page.locator('#banner').waitFor({state: 'hidden'});
    assert.equal(await page.locator(card(room)).getAttribute('data-level'), 'green');
    await until('it was announced', () => page.locator('#announcer', {hasText: 'answers again'}).count());
    await page.closeAll();
});
