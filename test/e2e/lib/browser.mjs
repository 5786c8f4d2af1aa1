// Chromium without a window, and what every page must keep to: nothing on the console, nothing against the policy, no other host.
import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {after} from 'node:test';
import {chromium} from 'playwright-core';
import {env, sh} from './http.mjs';

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
export const TIMEOUT = 60_000;

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const launch = more => chromium.launch({executablePath, timeout: TIMEOUT, args: ['--disable-dev-shm-usage', ...more]});

// In its sandbox, unless it is root's or there are no name spaces for it, as in some containers.
const browser = process.getuid() === 0 ? await launch(['--no-sandbox'])
    : await launch([]).catch(error => {
        console.log(`# without a sandbox: ${error.message.split('\n')[0]}`);
        return launch(['--no-sandbox']);
    });
after(() => browser.close());

export const WIDTHS = [390, 1440];
export const THEMES = ['light', 'dark'];
export const LANGUAGES = ['en', 'vi'];

// A page of its own: no storage of others. page.problems is what it did wrong, page.clean() asserts that it is nothing.
export async function open(path, {base = env('URL'), width = 1440, height = 900, theme = 'light', lang = 'en-GB', zone = 'UTC'} = {}) {
    const context = await browser.newContext({viewport: {width, height}, colorScheme: theme, locale: lang, timezoneId: zone, acceptDownloads: true,
        reducedMotion: 'reduce'});
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT);
    page.problems = [];
    page.requested = [];
    await page.addInitScript(() => addEventListener('securitypolicyviolation',
        event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
    page.on('console', message => ['error', 'warning'].includes(message.type()) && page.problems.push(`console: ${message.text()}`));
    page.on('pageerror', error => page.problems.push(`error: ${error.stack}`));
    page.on('request', request => {
        page.requested.push(request.url());
        if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== new URL(base).origin) page.problems.push(`request to ${request.url()}`);
    });
    page.clean = () => assert.deepEqual(page.problems, []);
    // What the browser itself says of a request that is refused or cut off is no fault of the page.
    page.cleanBut = () => assert.deepEqual(page.problems.filter(text => !/^console: Failed to load resource: (net::ERR_|the server responded with a status of (429|503) )/.test(text)), []);
    page.closeAll = () => context.close();
    await page.goto(base + path);
    return page;
}

export const ready = page => page.waitForSelector('#content:not([hidden])');
export const charted = page => page.waitForFunction(() => document.querySelectorAll('#day canvas, #range canvas').length === 4);

// The text of what matches, with one space where there are more.
export const textOf = async (page, selector) => (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ').trim();

export const shows = (page, selector, pattern) => page.locator(selector).filter({hasText: pattern}).first().waitFor();

// What axe finds that is serious or critical, as lines.
export async function faults(page) {
    await page.evaluate(AXE);
    const {violations} = await page.evaluate(() => globalThis.axe.run(document, {resultTypes: ['violations'],
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}));
    return violations.filter(one => ['serious', 'critical'].includes(one.impact))
        .flatMap(one => one.nodes.map(node => `${one.id}: ${node.target.join(' ')}: ${node.failureSummary.split('\n').slice(1, 2).join('').trim()}`));
}

export const overflow = page => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

const PICTURES = process.env.PEOPLE_COUNTER_SCREENSHOTS;
if (PICTURES) mkdirSync(PICTURES, {recursive: true});
export async function picture(page, name) {
    if (PICTURES) await page.screenshot({path: `${PICTURES}/${name}.png`, fullPage: true, animations: 'disabled'});
}

// What was downloaded by a click, as rows of cells. As in RFC 4180, with the mark in front.
export async function downloaded(page, selector) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator(selector).click()]);
    const text = readFileSync(await download.path(), 'utf8');
    assert.equal(text[0], '\ufeff');
    const cells = [...text.slice(1).matchAll(/("((?:[^"]|"")*)"|[^,\r\n]*)(,|\r\n)/g)];
    const rows = [[]];
    for (const [, plain, inner, end] of cells) {
        rows.at(-1).push(inner === undefined ? plain : inner.replaceAll('""', '"'));
        if (end !== ',') rows.push([]);
    }
    rows.pop();
    const [head, ...body] = rows;
    return {name: download.suggestedFilename(), head, rows: body.map(row => Object.fromEntries(head.map((column, i) => [column, row[i]])))};
}

// Sessions, movements and alerts of a house with seven doors, as lib/dashboard_data.sql has them.
export async function furnish(zone) {
    const csv = readFileSync(new URL('../../data/calit2_main_door.csv', import.meta.url), 'utf8');
    const sql = readFileSync(new URL('dashboard_data.sql', import.meta.url), 'utf8');
    const {exec} = await import('node:child_process');
    await new Promise((resolve, reject) => {
        const psql = exec(`${env('PSQL')} -v zone=${zone}`, error => error ? reject(error) : resolve());
        psql.stdin.end(`SELECT set_config('demo.csv', '${csv}', false) \\gset ignored_\n${sql}`);
    });
}

export const gateway = action => sh(env(`GATEWAY_${action}`));
