// The texts, in the language that was chosen, otherwise in the browser's. A text with numbers may have several forms, by
// Intl.PluralRules: {one: …, other: …}.
import en from './lang/en.js';
import vi from './lang/vi.js';
import {knownZone} from './time.js';

const LANGUAGES = {en, vi};
const STORE = 'people-counter-language';
const listeners = new Set();

function stored() {
    try {
        return localStorage.getItem(STORE);
    } catch {
        return null;
    }
}

const wanted = [new URLSearchParams(location.search).get('lang'), stored(), ...(navigator.languages ?? [navigator.language])];
let language = wanted.map(name => String(name ?? '').slice(0, 2).toLowerCase()).find(name => name in LANGUAGES) ?? 'en';

// English with the day before the month and 24 hours, for this is read at a glance.
const locale = () => language === 'en' ? 'en-GB' : language;

export const currentLanguage = () => language;

export function chooseLanguage(name) {
    if (!(name in LANGUAGES)) return;
    language = name;
    try {
        localStorage.setItem(STORE, name);
    } catch {
        // for as long as the page lasts
    }
    translatePage();
    for (const listener of listeners) listener(name);
}

export const onLanguage = listener => listeners.add(listener);

export function t(key, values = {}) {
    let text = LANGUAGES[language][key] ?? en[key];
    if (text === undefined) return key;
    if (typeof text === 'object') {
        text = text[format('PluralRules', {}).select(values.count)] ?? text.other;
    }
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
        const value = values[name];
        return value === undefined ? whole : typeof value === 'number' ? number(value) : value;
    });
}

// A name that the database has, or the name itself where there is no text for it.
export const named = (prefix, name) => {
    const key = `${prefix}_${name}`;
    return key in en ? t(key) : String(name ?? '');
};

// data-t: the text of an element; data-t-label, data-t-title, data-t-placeholder: its attributes.
export function translatePage(root = document) {
    document.documentElement.lang = language;
    for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
    for (const [data, attribute] of [['tLabel', 'aria-label'], ['tTitle', 'title'], ['tPlaceholder', 'placeholder']]) {
        const selector = `[data-${data.replace(/[A-Z]/g, c => `-${c.toLowerCase()}`)}]`;
        for (const node of root.querySelectorAll(selector)) node.setAttribute(attribute, t(node.dataset[data]));
    }
}

// ---- numbers and times --------------------------------------------------------------------------------------------------

const made = new Map();
function format(kind, options, where = locale()) {
    const key = JSON.stringify([kind, where, options]);
    if (!made.has(key)) made.set(key, new Intl[kind](where, options));
    return made.get(key);
}

export const byName = (a, b) => format('Collator', {}).compare(a, b);

export const NOTHING = '–';
const isNone = value => value === null || value === undefined || Number.isNaN(value);

export const number = (value, digits = 0) =>
    isNone(value) ? NOTHING : format('NumberFormat', {minimumFractionDigits: digits, maximumFractionDigits: digits}).format(value);
export const signed = (value, digits = 0) => isNone(value) ? NOTHING
    : format('NumberFormat', {signDisplay: 'exceptZero', maximumFractionDigits: digits}).format(value);
export const percent = value => isNone(value) ? NOTHING
    : format('NumberFormat', {style: 'percent', signDisplay: 'exceptZero', maximumFractionDigits: 1}).format(value);

const dateTime = (options, instant, zone) =>
    isNone(instant) ? NOTHING : format('DateTimeFormat', {...options, timeZone: knownZone(zone ?? undefined)}).format(instant);
// In Vietnamese a day is 25/11.
const dayAndMonth = () => ({day: 'numeric', month: language === 'vi' ? 'numeric' : 'short'});
const CLOCK = {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'};

export const clock = (instant, zone) => dateTime(CLOCK, instant, zone);
export const clockSeconds = (instant, zone) => dateTime({...CLOCK, second: '2-digit'}, instant, zone);
export const day = (instant, zone) => dateTime({weekday: 'short', ...dayAndMonth()}, instant, zone);
export const longDay = (instant, zone) => dateTime({weekday: 'long', day: 'numeric', month: 'long', year: 'numeric'}, instant, zone);
export const shortDay = (instant, zone) => dateTime(dayAndMonth(), instant, zone);
export const dayAndClock = (instant, zone) => dateTime({...dayAndMonth(), ...CLOCK}, instant, zone);
export const zoneName = (instant, zone) =>
    format('DateTimeFormat', {timeZone: knownZone(zone), timeZoneName: 'short'}, 'en-GB').formatToParts(instant)
        .find(part => part.type === 'timeZoneName')?.value ?? zone;

// 'three minutes ago'
export function ago(milliseconds) {
    const relative = format('RelativeTimeFormat', {numeric: 'always', style: 'short'});
    const seconds = Math.round(milliseconds / 1000);
    for (const [unit, length] of [['day', 86400], ['hour', 3600], ['minute', 60]]) {
        if (Math.abs(seconds) >= length) return relative.format(-Math.trunc(seconds / length), unit);
    }
    return relative.format(-seconds, 'second');
}
