// Loads pages of the gateway at PEOPLE_COUNTER_URL in a browser that has nothing in its cache, and prints how long that took.
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';

const {chromium} = createRequire(new URL('../../test/e2e/package.json', import.meta.url))('playwright-core');
const base = process.env.PEOPLE_COUNTER_URL;
const TIMES = 9;

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const launch = more => chromium.launch({executablePath, args: ['--disable-dev-shm-usage', ...more]});
const browser = await launch([]).catch(() => launch(['--no-sandbox']));

// From the beginning of the navigation, by the clock of the page, until the first frame in which `isThere` holds.
async function load(path, isThere) {
    const context = await browser.newContext({viewport: {width: 1440, height: 900}, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC'});
    const page = await context.newPage();
    await page.addInitScript(`{
        const look = () => ((${isThere})() ? (globalThis.shownAt = performance.now()) : requestAnimationFrame(look));
        requestAnimationFrame(look);
    }`);
    await page.goto(base + path);
    await page.waitForFunction(() => globalThis.shownAt !== undefined)
        .catch(async error => { throw new Error(`${path} shows: ${await page.innerText('body')}`, {cause: error}); });
    const took = await page.evaluate(() => globalThis.shownAt);
    const asked = await page.evaluate(() => performance.getEntriesByType('resource').length + 1);
    await context.close();
    return {took, asked};
}

const sessions = await (await fetch(`${base}/rest/sessions?select=id&limit=1`)).json();
const pages = [
    ['The dashboard: sessions, movements, alerts', '/', () => document.querySelector('#content')?.hidden === false && document.querySelectorAll('.card').length > 0],
    ['– and both charts', '/', () => document.querySelectorAll('#day canvas, #range canvas').length === 4],
    ['The screen at the door', `/kiosk?session_id=${sessions[0].id}`, () => document.querySelector('#screen')?.hidden === false],
];
console.log('| from the beginning until it is shown | half | highest | requests | target |\n| --- | --- | --- | --- | --- |');
for (const [name, path, isThere] of pages) {
    await load(path, isThere);   // the server has what is asked for in its memory
    const loads = [];
    for (let i = 0; i < TIMES; i++) loads.push(await load(path, isThere));
    const times = loads.map(({took}) => took).sort((a, b) => a - b);
    console.log(`| ${name} | ${times[TIMES >> 1].toFixed(0)} ms | ${times.at(-1).toFixed(0)} ms | ${loads[0].asked} | ` +
        `< 1,000 ms: ${times[TIMES >> 1] < 1000 ? 'met' : '**missed**'} |`);
}
console.log(`\n${TIMES} loads each, of a browser without a cache, over loopback.`);
await browser.close();
