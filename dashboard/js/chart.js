// Two charts over the same slots (hours or days), with uPlot: the people inside, and those who came and went. A slot without
// data is hatched, for it is not a zero.
/* global uPlot */
import {t, number} from './i18n.js';

// slots: [{label, missing, peak, average, entered, exited, before: {peak, entered}}]; null where nothing is known.
const pick = (slots, of) => slots.map(slot => of(slot) ?? null);

function colours() {
    const style = getComputedStyle(document.documentElement);
    const names = ['text-soft', 'grid', 'chart-peak', 'chart-average', 'chart-in', 'chart-out', 'chart-before', 'chart-gap', 'red'];
    return Object.fromEntries(names.map(name => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// Labels so that they do not touch.
function splitsOf(count, width, room) {
    const step = [1, 2, 3, 4, 6, 7, 12, 14, 28, 30, 60, 91].find(n => count / n * room <= width) ?? count;
    return Array.from({length: Math.ceil(count / step)}, (_, i) => i * step);
}

function hatch(u, slots, colour) {
    const {ctx} = u;
    const {top, height} = u.bbox;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.lineWidth = ratio;
    slots.forEach((slot, i) => {
        if (!slot.missing) return;
        const left = u.valToPos(i - 0.5, 'x', true);
        const right = u.valToPos(i + 0.5, 'x', true);
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, top, right - left, height);
        ctx.clip();
        ctx.beginPath();
        for (let at = left - height; at < right; at += 7 * ratio) {
            // One pattern over neighbours: it begins at a multiple.
            const x = Math.ceil(at / (7 * ratio)) * 7 * ratio;
            ctx.moveTo(x, top + height);
            ctx.lineTo(x + height, top);
        }
        ctx.stroke();
        ctx.restore();
    });
    ctx.restore();
}

// A short line over each slot: what it was a week before.
function marks(u, values, colour) {
    const {ctx} = u;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2 * (devicePixelRatio || 1);
    ctx.beginPath();
    values.forEach((value, i) => {
        if (value === null) return;
        const y = u.valToPos(value, 'y', true);
        ctx.moveTo(u.valToPos(i - 0.42, 'x', true), y);
        ctx.lineTo(u.valToPos(i + 0.42, 'x', true), y);
    });
    ctx.stroke();
    ctx.restore();
}

function line(u, value, colour) {
    const {ctx} = u;
    const {left, width} = u.bbox;
    const ratio = devicePixelRatio || 1;
    const y = u.valToPos(value, 'y', true);
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    ctx.restore();
}

function make(host, {slots, series, range, height, axis, draw, onPoint, sync}) {
    const ink = colours();
    const bars = uPlot.paths.bars({size: [0.84, 60]});
    const font = '12px -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", system-ui, sans-serif';
    const last = slots.length - 1;
    return new uPlot({
        width: Math.max(host.clientWidth, 200), height, padding: [8, 4, axis ? 0 : 8, 0],
        legend: {show: false},
        cursor: {y: false, points: {show: false}, drag: {setScale: false, x: false, y: false}, sync: {key: sync}},
        scales: {x: {time: false, range: () => [-0.5, last + 0.5]}, y: {range}},
        series: [{}, ...series.map(one => ({label: one.label, paths: bars, fill: ink[one.ink], width: 0, points: {show: false}, stroke: ink[one.ink]}))],
        axes: [
            {show: axis, stroke: ink['text-soft'], font, size: 26, gap: 4, grid: {show: false}, ticks: {show: false},
                splits: u => splitsOf(slots.length, u.width - 44, 46), values: (u, splits) => splits.map(i => slots[i]?.label ?? '')},
            {stroke: ink['text-soft'], font, size: 44, gap: 6, grid: {stroke: ink.grid, width: 1}, ticks: {show: false},
                incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000],
                space: 28, values: (u, splits) => splits.map(value => number(Math.abs(value)))},
        ],
        hooks: {
            drawClear: [u => hatch(u, slots, ink['chart-gap'])],
            draw: [u => draw(u, ink)],
            setCursor: [u => onPoint(u.cursor.idx)],
        },
    }, [slots.map((_, i) => i), ...series.map(one => one.values)], host);
}

const largest = values => values.reduce((most, value) => value > most ? value : most, 0);
let nextSync = 0;

// Draws both into host, and again when it gets another size. onPoint(index or null): what the pointer is at.
export class Charts {
    constructor(host, onPoint) {
        this.host = host;
        this.onPoint = onPoint;
        this.plots = [];
        this.sync = `people-counter-${++nextSync}`;
        this.width = 0;
        this.observer = new ResizeObserver(() => {
            const width = Math.round(host.clientWidth);
            if (width && Math.abs(width - this.width) > 1) {
                this.width = width;
                for (const plot of this.plots) plot.setSize({width, height: plot.height});
            }
        });
        this.observer.observe(host);
    }

    draw(slots, capacity) {
        const point = index => this.onPoint(index ?? null);
        for (const plot of this.plots) plot.destroy();
        this.host.replaceChildren();
        if (!slots.length || !window.uPlot) return;
        this.width = Math.round(this.host.clientWidth);
        const peaks = pick(slots, slot => slot.peak);
        const peaksBefore = pick(slots, slot => slot.before?.peak);
        const entered = pick(slots, slot => slot.entered);
        const exited = pick(slots, slot => slot.exited === null || slot.exited === undefined ? null : -slot.exited);
        const enteredBefore = pick(slots, slot => slot.before?.entered);
        const top = Math.max(largest(peaks), largest(peaksBefore), 1);
        // The limit is in the picture if people come near it.
        const limit = capacity && capacity <= top * 2.5 ? capacity : null;
        const up = Math.max(largest(entered), largest(enteredBefore), 1);
        const down = Math.max(largest(exited.map(value => -value)), 1);
        this.plots = [
            make(this.host, {slots, height: 190, axis: false, sync: this.sync, onPoint: point,
                range: () => [0, Math.max(top, limit ?? 0) * 1.08],
                series: [{label: t('peak'), values: peaks, ink: 'chart-peak'},
                    {label: t('average'), values: pick(slots, slot => slot.average), ink: 'chart-average'}],
                draw: (u, ink) => {
                    marks(u, peaksBefore, ink['chart-before']);
                    if (limit) line(u, limit, ink.red);
                }}),
            make(this.host, {slots, height: 170, axis: true, sync: this.sync, onPoint: point, range: () => [-down * 1.08, up * 1.08],
                series: [{label: t('entered'), values: entered, ink: 'chart-in'}, {label: t('exited'), values: exited, ink: 'chart-out'}],
                draw: (u, ink) => marks(u, enteredBefore, ink['chart-before'])}),
        ];
        return {limit};
    }
}
