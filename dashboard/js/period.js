// A period with its figures, its charts and its table: the same for the hours of a day and the days of a range.
import {el, find, setAttribute, setText, show} from './dom.js';
import {t, number} from './i18n.js';
import {Charts} from './chart.js';
import {download} from './csv.js';

const swatch = (kind, key) => el('li', {}, el('span', {class: `swatch ${kind}`, 'aria-hidden': 'true'}), el('span', {'data-t': key}));

export class Period {
    // name: day or range; controls: what chooses it. view, in draw(), says the rest.
    constructor(section, name, controls) {
        this.section = section;
        this.name = name;
        this.view = null;
        this.parts = {
            figures: el('dl', {class: 'figures wide-figures'}),
            note: el('p', {class: 'note compare'}),
            chart: el('div', {class: 'chart', role: 'img'}),
            readout: el('p', {class: 'readout', 'aria-hidden': 'true'}),
            legend: el('ul', {class: 'legend', 'aria-hidden': 'true'}, swatch('peak', 'peak'), swatch('average', 'average'), swatch('in', 'entered'),
                swatch('out', 'exited'), swatch('before', 'week_before'), swatch('gap', 'gap'), swatch('limit', 'capacity')),
            table: el('details', {class: 'table-box'}, el('summary', {'data-t': 'as_table'})),
            empty: el('p', {class: 'empty'}),
        };
        this.table = el('div', {class: 'scroll', tabindex: '0', role: 'region'});
        this.parts.table.append(this.table);
        section.append(
            el('div', {class: 'period-head'}, el('h3', {id: `${name}-heading`, 'data-t': `${name}_heading`}),
                el('div', {class: 'tools'}, ...controls, el('button', {type: 'button', class: 'quiet', id: `${name}-csv`, 'data-t': 'csv',
                    'data-t-label': `csv_${name}`, onclick: () => this.view && download(this.view.file, this.view.csv())}))),
            ...Object.values(this.parts));
        this.charts = new Charts(this.parts.chart, index => setText(this.parts.readout,
            index !== null && this.view?.slots[index] ? this.view.tell(this.view.slots[index]) : this.view?.hint ?? ''));
        this.parts.table.addEventListener('toggle', () => this.fillTable());
    }

    // {title, slots, capacity, figures: [[label, value, note]], compare, tell(slot), hint, columns, row(slot), csv(), file}
    draw(view, again = false) {
        this.view = view;
        const shown = JSON.stringify([view.title, view.slots, view.figures, view.compare, view.capacity]);
        if (shown === this.shown && !again) return;   // what is read, or pointed at, stays
        this.shown = shown;
        const {figures, note, chart, readout, legend, empty} = this.parts;
        const something = view.slots.some(slot => slot.peak !== null && slot.peak !== undefined || slot.entered);
        figures.replaceChildren(...view.figures.map(([label, value, more]) => el('div', {}, el('dt', {text: label}), el('dd', {text: value}),
            more ? el('dd', {class: 'note', text: more}) : null)));
        setText(note, view.compare);
        show(note, Boolean(view.compare));
        for (const part of [chart, readout, legend]) show(part, something);
        show(empty, !something);
        setText(empty, t('period_empty'));
        setText(readout, view.hint);
        setAttribute(chart, 'aria-label', `${view.title}. ${view.figures.map(([label, value]) => `${label}: ${value}`).join(', ')}. ${t('chart_table')}`);
        const drawn = something ? this.charts.draw(view.slots, view.capacity) : null;
        show(find('.limit', legend).parentElement, Boolean(drawn?.limit));
        show(find('.before', legend).parentElement, view.slots.some(slot => slot.before));
        show(find('.gap', legend).parentElement, view.slots.some(slot => slot.missing));
        this.fillTable();
    }

    redraw() {
        if (this.view) this.draw(this.view, true);
    }

    // Only while it is open: it may have a row for each day of a year.
    fillTable() {
        setAttribute(this.table, 'aria-label', this.view?.title ?? '');
        if (!this.view || !this.parts.table.open) {
            this.table.replaceChildren();
            return;
        }
        const {title, columns, slots, row} = this.view;
        this.table.replaceChildren(el('table', {}, el('caption', {text: title}),
            el('thead', {}, el('tr', {}, ...columns.map(text => el('th', {scope: 'col', text})))),
            el('tbody', {}, ...slots.filter(slot => !slot.future).map(slot => {
                const [head, ...cells] = row(slot);
                return el('tr', {class: slot.missing ? 'missing' : null}, el('th', {scope: 'row', text: head}), ...cells.map(text => el('td', {text})));
            }))));
    }
}

// The mean over the time that was observed, and the earliest of the highest peaks.
export function totals(rows, enteredKey, exitedKey) {
    const sum = key => rows.reduce((total, row) => total + Number(row[key] ?? 0), 0);
    const observed = sum('observed_seconds');
    let peak = null;
    for (const row of rows) {
        if (row.peak_people_count !== null && (!peak || row.peak_people_count > peak.peak_people_count)) peak = row;
    }
    return {entered: sum(enteredKey), exited: sum(exitedKey), absorbed: sum('exits_absorbed'), peak: peak?.peak_people_count ?? null,
        peakTime: peak?.peak_time ? Date.parse(peak.peak_time) : null, average: observed > 0 ? sum('occupancy_seconds') / observed : null};
}

export const mean = value => value === null || value === undefined ? null : Number(value);
export const shownMean = value => number(value, 1);
