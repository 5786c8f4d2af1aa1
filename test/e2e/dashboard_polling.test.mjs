// The dashboard and the screen at the door where there is no live stream: refused, silent, or not for the caller. They say so, and
// ask; and they say it in a way that everybody can read.
import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {ago, client, env, good, keyOf, movement, newSession, psql} from './lib/http.mjs';
import {LANGUAGES, THEMES, WIDTHS, faults, gateway, open, overflow, picture, ready, shows, textOf} from './lib/browser.mjs';
import {subscribed} from './lib/stream.mjs';

const base = env('CROWDED_URL');   // three subscribers at most, and nobody publishes there
const api = client(base);
const id = await newSession(api, {session_name: 'Door without a stream', capacity: 10, start_time: ago(7200), time_zone: 'UTC'});
await enter(2);
after(() => psql('PSQL', `DELETE FROM sessions WHERE id = '${id}'`));

function enter(people) {
    return api.post(`/sessions/${id}/movements`, Array.from({length: people}, () => movement())).then(good);
}
const inside = `.card[data-key="${id}"] .inside`;
const crowd = () => Promise.all([1, 2, 3].map(() => subscribed(base, 'events')));
const leave = subscribers => subscribers.forEach(one => one.close());

const NO_STREAM = {en: /^No live stream: asking every 5 s\. Last update \d\d:\d\d:\d\d$/, vi: /^Không có luồng trực tiếp: hỏi lại mỗi 5 giây\. Cập nhật lúc \d\d:\d\d:\d\d$/};
const LOST = {en: /^The server cannot be reached$/, vi: /^Không liên lạc được với máy chủ$/};

test('the stream is refused: said, and what happens still shows; there is one again: said, too', async () => {
    const subscribers = await crowd();
    const [page, kiosk] = await Promise.all([open('/', {base}), open(`/kiosk?session_id=${id}`, {base})]);
    for (const one of [page, kiosk]) await shows(one, '#connection-text', NO_STREAM.en);
    await enter(1);
    await shows(page, inside, /^3$/);
    await shows(kiosk, '#inside', /^3$/);
    assert.equal(await page.locator(`.card[data-key="${id}"]`).getAttribute('data-level'), 'green');
    assert.equal(await kiosk.locator('body').getAttribute('data-level'), 'green');
    assert.equal(await page.locator('#banner').isVisible(), false);
    leave(subscribers);
    for (const one of [page, kiosk]) await one.waitForSelector('#connection[data-state=live]');
    assert.match(await page.locator('#announcer').textContent(), /The live stream is back/);
    for (const one of [page, kiosk]) {
        one.cleanBut();
        await one.closeAll();
    }
});

test('a stream that is open and tells nothing is none', async () => {
    const page = await open('/', {base});
    await page.waitForSelector('#connection[data-state=live]');
    await page.waitForResponse(answer => answer.url().includes('/dashboard/summary'));
    await enter(1);
    await shows(page, inside, /^4$/);
    await shows(page, '#connection-text', NO_STREAM.en);
    await page.locator('#announcer', {hasText: 'The live stream is lost. The page asks every 5 seconds.'}).waitFor({state: 'attached'});
    page.clean();
    await page.closeAll();
});

test('a device has no stream of all sessions, and sees its own by asking', async () => {
    const device = await keyOf('device');
    const own = await newSession(device, {session_name: 'Camera without a stream', time_zone: 'UTC'});
    const page = await open('/', {base: env('CLOSED_URL')});
    await page.fill('#credential', device.key);
    await page.click('#signin [type=submit]');
    await ready(page);
    await shows(page, '#connection-text', NO_STREAM.en);
    good(await device.post(`/sessions/${own}/movements`, movement()));
    await shows(page, `.card[data-key="${own}"] .inside`, /^1$/);
    assert.ok(page.requested.every(url => new URL(url).pathname !== '/events'), 'nothing is asked for in vain');
    page.clean();
    await page.closeAll();
    await psql('CLOSED_PSQL', `DELETE FROM sessions WHERE id = '${own}'`);
});

async function goodToLookAt(page, name) {
    assert.equal(await overflow(page), 0, `${name} is wider than the screen`);
    await picture(page, name);
    assert.deepEqual(await faults(page), [], name);
}

test('both states in each language, theme and width', async () => {
    const subscribers = await crowd();
    const pages = [];
    for (const theme of THEMES) {
        for (const width of WIDTHS) {
            for (const lang of LANGUAGES) {
                const more = {theme, width, lang, height: width < 600 ? 844 : 900};
                for (const [name, path] of [['dashboard', '/'], ['kiosk', `/kiosk?session_id=${id}`]]) {
                    const page = await open(path, {base, ...more});
                    await shows(page, '#connection-text', NO_STREAM[lang]);
                    await goodToLookAt(page, `${name}-polling-${lang}-${theme}-${width}`);
                    page.cleanBut();
                    await page.closeAll();
                    const other = await open(path, more);
                    await other.waitForSelector('#connection[data-state=live]');
                    pages.push([other, `${name}-lost-${lang}-${theme}-${width}`, lang]);
                }
            }
        }
    }
    leave(subscribers);
    await gateway('STOP');
    try {
        for (const [page, name, lang] of pages) {
            await shows(page, '#connection-text', LOST[lang]);
            assert.match(await textOf(page, '#connection'), LOST[lang]);
            await goodToLookAt(page, name);
        }
    } finally {
        await gateway('START');
    }
    for (const [page] of pages) {
        await page.waitForSelector('#connection[data-state=live]');
        page.cleanBut();
        await page.closeAll();
    }
});
