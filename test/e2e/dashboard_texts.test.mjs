// What the dashboard is made of, without a browser: the two dictionaries, days and hours of a zone, CSV, the files themselves.
import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import en from '../../dashboard/js/lang/en.js';
import vi from '../../dashboard/js/lang/vi.js';
import * as time from '../../dashboard/js/time.js';
import {toCsv} from '../../dashboard/js/csv.js';
import {client, env} from './lib/http.mjs';

const folder = new URL('../../dashboard/', import.meta.url);
const read = name => readFileSync(new URL(name, folder), 'utf8');
const scripts = readdirSync(new URL('js/', folder)).filter(name => name.endsWith('.js')).map(name => read(`js/${name}`)).join('\n');
const pages = ['index.html', 'kiosk.html'].map(read);

const forms = text => typeof text === 'string' ? [text] : Object.values(text);
const placeholders = text => [...new Set(forms(text).flatMap(one => [...one.matchAll(/\{(\w+)\}/g)].map(match => match[1])))].sort();

test('both dictionaries have the same keys, and texts that are told the same', () => {
    assert.deepEqual(Object.keys(vi).sort(), Object.keys(en).sort());
    for (const key of Object.keys(en)) {
        assert.deepEqual(placeholders(vi[key]), placeholders(en[key]), key);
        for (const text of [...forms(en[key]), ...forms(vi[key])]) assert.ok(text.trim().length > 0, key);
        if (typeof en[key] === 'object') assert.deepEqual(Object.keys(en[key]).sort(), ['one', 'other'], key);
        if (typeof vi[key] === 'object') assert.ok('other' in vi[key], key);
    }
});

test('each text that is asked for is there', () => {
    const asked = [...scripts.matchAll(/\bt\(\s*'(\w+)'/g), ...scripts.matchAll(/'data-t(?:-\w+)?': '(\w+)'/g),
        ...pages.flatMap(page => [...page.matchAll(/data-t(?:-\w+)?="(\w+)"/g)])].map(match => match[1]);
    assert.ok(asked.length > 100);
    for (const key of asked) assert.ok(key in en, key);
});

test('the pages have no script and no style in them, and ask no other host', () => {
    for (const page of pages) {
        assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
        assert.doesNotMatch(page, /(src|href)="(https?:)?\/\//);
    }
    assert.doesNotMatch(scripts, /innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|https?:\/\//);
});

test('the days and hours of a zone', () => {
    const session = (zone, begin = '00:00:00') => ({time_zone: zone, day_start: begin});
    const lengths = (date, zone) => {
        const {begin, end, hours} = time.hoursOfDay(date, session(zone));
        return [(end - begin) / 3_600_000, hours.length];
    };
    assert.deepEqual(lengths('2026-11-26', 'Asia/Ho_Chi_Minh'), [24, 24]);
    assert.deepEqual(lengths('2026-03-29', 'Europe/Berlin'), [23, 23]);
    assert.deepEqual(lengths('2026-10-25', 'Europe/Berlin'), [25, 25]);
    assert.deepEqual(lengths('2026-04-05', 'Australia/Lord_Howe'), [24.5, 25]);
    assert.deepEqual(lengths('2026-10-04', 'Australia/Lord_Howe'), [23.5, 24]);
    assert.deepEqual(lengths('2026-11-26', 'Asia/Kathmandu'), [24, 24]);
    const berlin = session('Europe/Berlin', '04:00:00');
    assert.equal(time.businessDay(Date.parse('2026-11-26T02:59:59Z'), berlin), '2026-11-25');
    assert.equal(time.businessDay(Date.parse('2026-11-26T03:00:00Z'), berlin), '2026-11-26');
    assert.deepEqual(time.boundsOfDay('2026-10-25', berlin).map(at => new Date(at).toISOString()), ['2026-10-25T03:00:00.000Z', '2026-10-26T03:00:00.000Z']);
    // As the server does it: the second of two, and behind a gap.
    assert.equal(time.instantOf(Date.parse('2026-10-25T02:30Z'), 'Europe/Berlin'), Date.parse('2026-10-25T01:30Z'));
    assert.equal(time.instantOf(Date.parse('2026-03-29T02:30Z'), 'Europe/Berlin'), Date.parse('2026-03-29T01:30Z'));
    assert.equal(time.isoIn(Date.parse('2026-11-26T00:00:00Z'), 'America/St_Johns'), '2026-11-25T20:30:00-03:30');
    assert.equal(time.addDays('2026-02-28', 1), '2026-03-01');
});

test('CSV: quotes, nothing, and what a spreadsheet would take for a formula', () => {
    assert.equal(toCsv([['a', 'b'], ['x, "y"', null], [-5, '=1+1'], ['two\nlines', '@x']]),
        'a,b\r\n"x, ""y""",\r\n-5,\'=1+1\r\n"two\nlines",\'@x\r\n');
});

test('the gateway serves them with their types, a strict policy, compressed, and not again if they are the same', async () => {
    const api = client(env('URL'));
    for (const [path, type] of [['/', 'text/html'], ['/kiosk', 'text/html'], ['/js/app.js', 'text/javascript'], ['/css/base.css', 'text/css'],
        ['/vendor/uplot/uPlot.iife.min.js', 'text/javascript'], ['/img/icon.svg', 'image/svg+xml']]) {
        const plain = await api.get(path);
        assert.equal(plain.status, 200, path);
        assert.equal(plain.headers['content-type'].split(';')[0], type, path);
        assert.match(plain.headers['content-security-policy'], /^default-src 'self';(?!.*unsafe)/);
        assert.equal(plain.headers['x-content-type-options'], 'nosniff');
        assert.equal(plain.headers['cache-control'], 'no-cache');
        const again = await api.get(path, {headers: {'If-None-Match': plain.headers.etag}});
        assert.equal(again.status, 304, path);
        assert.equal((await api.head(path)).status, 200);
        const refused = await api.post(path, {});
        assert.deepEqual([refused.status, refused.headers.allow, Object.keys(refused.json)], [405, 'GET, HEAD', ['detail', 'timestamp']], path);
        if (plain.raw.length > 1000) {
            const small = await api.get(path, {headers: {'Accept-Encoding': 'gzip'}});
            assert.equal(small.headers['content-encoding'], 'gzip', path);
            assert.ok(small.raw.length < plain.raw.length);
        }
    }
    for (const path of ['/js/nothing.js', '/js/', '/js/../package.json', '/index.html', '/package.json', '/js/%2e%2e/package.json', '/kiosk/']) {
        const answer = await api.get(path);
        assert.deepEqual([answer.status, Object.keys(answer.json)], [404, ['detail', 'timestamp']], path);
    }
});
