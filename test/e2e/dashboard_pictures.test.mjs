// Every page in each language, theme and width: nothing that axe minds, nothing that is cut off; and a picture to look at. And what
// can be done without a mouse.
import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {ago, client, env, good, movement, newSession, psql} from './lib/http.mjs';
import {LANGUAGES, THEMES, WIDTHS, charted, faults, furnish, gateway, open, overflow, picture, ready, shows, textOf} from './lib/browser.mjs';
import {afternoon} from './lib/zones.mjs';

const api = client(env('URL'));
const zone = afternoon();
const HOUSE = `input_source LIKE 'rtsp://camera.example/%'`;
await furnish(zone);
after(() => psql('PSQL', `DELETE FROM alert_logs WHERE session_id IN (SELECT id FROM sessions WHERE ${HOUSE}); DELETE FROM sessions WHERE ${HOUSE}`));
const house = JSON.parse(await psql('PSQL', `SELECT json_object_agg(session_name, id) FROM sessions WHERE ${HOUSE}`));
const WORDS = {en: ['Hours of a day', 'Nearly full', 'Acknowledge'], vi: ['Các giờ trong ngày', 'Sắp đầy', 'Xác nhận']};

async function good_to_look_at(page, name) {
    assert.equal(await overflow(page), 0, `${name} is wider than the screen`);
    await picture(page, name);
    assert.deepEqual(await faults(page), [], name);
}

for (const theme of THEMES) {
    for (const width of WIDTHS) {
        for (const lang of LANGUAGES) {
            test(`dashboard, ${lang}, ${theme}, ${width}`, async () => {
                const page = await open('/', {width, theme, lang, zone, height: width < 600 ? 844 : 900});
                await ready(page);
                await page.selectOption('#history-session', house['CalIt2, main door']);
                await page.waitForFunction(() => document.querySelector('#range .chart').getAttribute('aria-label')?.includes('CalIt2'));
                await charted(page);
                assert.equal(await page.locator('html').getAttribute('lang'), lang);
                assert.equal(await page.locator('html').getAttribute('data-theme'), theme);
                const text = await page.locator('body').innerText();
                for (const word of WORDS[lang]) assert.ok(text.includes(word), word);
                await good_to_look_at(page, `dashboard-${lang}-${theme}-${width}`);
                page.clean();
                await page.closeAll();
            });
        }
        test(`dialogs and tables, ${theme}, ${width}`, async () => {
            const page = await open('/', {width, theme, zone});
            await ready(page);
            await charted(page);
            await page.click('#day summary');
            await page.click('#range summary');
            await page.click('#alerts-past-title');
            assert.deepEqual(await faults(page), []);
            await page.getByRole('button', {name: 'Set count of Canteen'}).click();
            await page.fill('#baseline-count', '70');
            await page.click('#baseline-submit');
            assert.deepEqual(await faults(page), []);
            await page.keyboard.press('Escape');
            await page.locator('#alerts-open button').first().click();
            assert.deepEqual(await faults(page), []);
            assert.equal(await overflow(page), 0);
            page.clean();
            await page.closeAll();
        });
        test(`kiosk, ${theme}, ${width}`, async () => {
            for (const [name, level, text, free] of [['CalIt2, main door', 'green', 'Space available', /free places/], ['Library, reading room', 'amber', 'Nearly full', /free places/],
                ['Swimming pool', 'red', 'Over capacity', /people too many/], ['Museum, gallery 2', 'grey', 'Silent', /No report since/],
                ['North entrance', 'blue', 'Counting', /No capacity/], ['Exhibition hall, spring fair', 'grey', 'Ended', /has ended/]]) {
                const page = await open(`/kiosk?session_id=${house[name]}`, {width, theme, zone, height: width < 600 ? 844 : 900});
                await shows(page, '#name', name);
                assert.equal(await page.locator('body').getAttribute('data-level'), level, name);
                assert.equal(await textOf(page, '#light-text'), text);
                assert.match(await textOf(page, '#free'), free);
                await good_to_look_at(page, `kiosk-${name.split(/[ ,]/)[0].toLowerCase()}-${theme}-${width}`);
                page.clean();
                await page.closeAll();
            }
        });
    }
}

test('the choice of language and theme is remembered, and of the latter the system decides otherwise', async () => {
    const page = await open('/', {lang: 'vi-VN', theme: 'dark'});
    await ready(page);
    assert.equal(await textOf(page, '#sessions-heading'), 'Các phiên');
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    await page.emulateMedia({colorScheme: 'light'});
    await page.waitForSelector('html[data-theme=light]');
    await page.selectOption('#language', 'en');
    await page.click('#theme');
    await shows(page, '#sessions-heading', 'Sessions');
    await page.waitForSelector('html[data-theme=dark]');
    await page.reload();
    await ready(page);
    assert.equal(await textOf(page, '#sessions-heading'), 'Sessions');
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    page.clean();
    await page.closeAll();
});

// What has the focus, and whether one sees it.
const focused = page => page.evaluate(() => {
    const node = document.activeElement;
    const box = node.getBoundingClientRect();
    const style = getComputedStyle(node);
    globalThis.seen ??= new Set();
    const before = globalThis.seen.has(node) && globalThis.last !== node;   // a date has several stops
    globalThis.seen.add(node);
    globalThis.last = node;
    return {body: node === document.body, before, visible: box.width > 0 && box.height > 0 && style.visibility === 'visible',
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, what: node.outerHTML.slice(0, 90)};
});

test('by keyboard alone: everything is reached, seen, and left again', async () => {
    const page = await open('/', {zone});
    await ready(page);
    await charted(page);
    await page.keyboard.press('Tab');
    assert.match((await focused(page)).what, /class="skip"/);
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    let stops = 0;
    for (; stops < 300; ++stops) {
        await page.keyboard.press('Tab');
        const now = await focused(page);
        if (now.body || now.before) break;
        assert.ok(now.visible && now.outlined, `not seen: ${now.what}`);
    }
    assert.ok(stops > 20 && stops < 300, `${stops}`);
    const missed = await page.evaluate(() => [...document.querySelectorAll('main :is(a, button, input, select, summary)')]
        .filter(node => node.checkVisibility() && !node.disabled && !globalThis.seen.has(node)).map(node => node.outerHTML.slice(0, 90)));
    assert.deepEqual(missed, []);

    await page.getByRole('button', {name: 'Set count of Canteen'}).focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'baseline-count');
    for (let i = 0; i < 9; ++i) {
        await page.keyboard.press('Tab');
        assert.ok(await page.evaluate(() => document.activeElement === document.body || document.querySelector('#baseline').contains(document.activeElement)));
    }
    await page.keyboard.press('Escape');
    await page.locator('#baseline').waitFor({state: 'hidden'});
    assert.match((await focused(page)).what, /Set count of Canteen/);
    await page.keyboard.press('Enter');
    await page.keyboard.type('70');
    await page.keyboard.press('Enter');
    await shows(page, '#baseline-question', /Set Canteen from 7\d to 70 people/);
    await page.keyboard.press('Enter');
    await shows(page, '.card', /Canteen[\s\S]*70/);
    page.clean();
    await page.closeAll();
});

test('kiosk: it follows, it says when the server is away, and it offers what there is', async () => {
    const id = await newSession(api, {session_name: 'Door of the test', capacity: 3, input_source: 'rtsp://camera.example/9', start_time: ago(60)});
    good(await api.post(`/sessions/${id}/movements`, movement()));
    const page = await open(`/kiosk?session_id=${id}`);
    await shows(page, '#inside', /^1$/);
    assert.equal(await textOf(page, '#free'), '2 free places');
    good(await api.post(`/sessions/${id}/movements`, [movement(), movement()]));
    await shows(page, '#inside', /^3$/);
    assert.deepEqual([await textOf(page, '#light-text'), await page.locator('body').getAttribute('data-level')], ['Full', 'red']);
    page.clean();
    await gateway('STOP');
    try {
        await page.waitForSelector('body[data-level=grey]');
        await shows(page, '#free', /The server does not answer; the count is of \d\d:\d\d/);
        await picture(page, 'kiosk-lost');
    } finally {
        await gateway('START');
    }
    await page.waitForSelector('body[data-level=red]');
    await page.closeAll();
    for (const path of ['/kiosk', '/kiosk?session_id=00000000-0000-0000-0000-000000000000']) {
        const other = await open(path);
        await other.getByRole('link', {name: 'Door of the test'}).click();
        await shows(other, '#inside', /^3$/);
        other.clean();
        await other.closeAll();
    }
});
