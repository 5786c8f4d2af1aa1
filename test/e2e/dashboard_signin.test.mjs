// The dashboard on a closed stack: who is asked to sign in, what each may see and do, and where the key is.
import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {admin, claims, env, good, hs256, keyOf, movement, newSession, psql} from './lib/http.mjs';
import {THEMES, WIDTHS, faults, open, overflow, picture, ready, shows, textOf} from './lib/browser.mjs';

const base = env('CLOSED_URL');
const operator = await keyOf('operator');
const reader = await keyOf('reader');
const device = await keyOf('device');
const id = await newSession(operator, {session_name: 'Room behind a door', capacity: 10, time_zone: 'UTC'});
const own = await newSession(device, {session_name: 'Camera of its own', time_zone: 'UTC'});
good(await operator.post(`/sessions/${id}/movements`, movement()));
await psql('CLOSED_PSQL', `INSERT INTO alert_logs (session_id, alert_type, severity, alert_message) VALUES ('${id}', 'closed alert', 'warning', 'look')`);
after(() => psql('CLOSED_PSQL', `DELETE FROM alert_logs WHERE session_id = '${id}'; DELETE FROM sessions WHERE id IN ('${id}', '${own}')`));

// The only URL with a key in it: a browser can send no header there.
const isStream = url => new URL(url).pathname === '/events';

async function signIn(page, secret) {
    await page.fill('#credential', secret);
    await page.click('#signin [type=submit]');
}

test('who shows nothing is asked to sign in, and nothing was asked for in vain', async () => {
    for (const theme of THEMES) {
        for (const width of WIDTHS) {
            for (const path of ['/', '/kiosk']) {
                const page = await open(path, {base, theme, width});
                await page.waitForSelector('#signin:not([hidden])');
                assert.equal(await page.evaluate(() => document.activeElement.id), 'credential');
                assert.equal(await overflow(page), 0);
                assert.deepEqual(await faults(page), []);
                await picture(page, `signin${path === '/' ? '' : '-kiosk'}-${theme}-${width}`);
                page.clean();
                await page.closeAll();
            }
        }
    }
});

test('what is no key is not sent, and a wrong one is refused in words', async () => {
    const page = await open('/', {base});
    await page.waitForSelector('#signin:not([hidden])');
    await signIn(page, 'two words');
    await shows(page, '#signin-error', /not a key or token/);
    page.clean();
    for (const wrong of ['pck_wrongwrongwrong', hs256(claims('reader', {exp: 1}))]) {
        await signIn(page, wrong);
        await shows(page, '#signin-error', /not valid, or no longer/);
        assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    }
    await page.closeAll();
});

test('a reader sees everything and is offered nothing that it may not do', async () => {
    const page = await open('/', {base});
    await page.waitForSelector('#signin:not([hidden])');
    await signIn(page, reader.key);
    await ready(page);
    await shows(page, '.card', 'Room behind a door');
    await shows(page, '#alerts-open .alert', 'closed alert');
    assert.equal(await page.getByRole('button', {name: /Acknowledge/}).count(), 0);
    assert.equal(await page.getByRole('button', {name: /Set count/}).count(), 0);
    assert.equal(await page.locator('#account').getAttribute('title'), 'Signed in as reader');
    assert.deepEqual(await page.evaluate(key => [Object.values(localStorage).some(value => value.includes(key)), Object.values(sessionStorage).includes(key),
        document.cookie, location.href.includes(key)], reader.key), [false, true, '', false]);
    assert.ok(page.requested.every(url => !url.includes(reader.key) || isStream(url)));
    await page.reload();
    await ready(page);
    await page.click('#account');
    await page.waitForSelector('#signin:not([hidden])');
    assert.equal(await page.locator('#content').isVisible(), false);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    page.clean();
    await page.closeAll();
});

test('an operator acknowledges, also with a token', async () => {
    const page = await open('/', {base});
    await page.waitForSelector('#signin:not([hidden])');
    await signIn(page, hs256(claims('operator')));
    await ready(page);
    assert.ok(await page.getByRole('button', {name: 'Set count of Room behind a door'}).count());
    await page.getByRole('button', {name: 'Acknowledge: closed alert, Room behind a door'}).click();
    await page.click('#acknowledge [type=submit]');
    await shows(page, '#alerts-open .alert', /Acknowledged .* by an operator/);
    page.clean();
    await page.closeAll();
});

test('a device sees its own sessions, and no alerts', async () => {
    const page = await open('/', {base});
    await page.waitForSelector('#signin:not([hidden])');
    await signIn(page, device.key);
    await ready(page);
    assert.deepEqual(await page.locator('.card h3').allInnerTexts(), ['Camera of its own']);
    assert.equal(await page.locator('#alerts').isVisible(), false);
    page.clean();
    await page.closeAll();
});

test('a key that is revoked meanwhile ends it, and says why', async () => {
    const short = await keyOf('reader');
    const page = await open('/', {base});
    await page.waitForSelector('#signin:not([hidden])');
    await signIn(page, short.key);
    await ready(page);
    good({...await admin().post('/rest/rpc/revoke_api_key', {key_id: short.id})});
    await page.waitForSelector('#signin:not([hidden])');
    assert.match(await textOf(page, '#signin-error'), /not valid, or no longer/);
    await page.closeAll();
});

test('a kiosk takes its key from behind the address, and does not leave it there', async () => {
    const page = await open(`/kiosk?session_id=${id}#key=${reader.key}`, {base});
    await shows(page, '#name', 'Room behind a door');
    assert.equal(await page.evaluate(() => location.hash), '');
    assert.ok(page.requested.every(url => !url.includes(reader.key) || isStream(url)));
    page.clean();
    await page.closeAll();
});
