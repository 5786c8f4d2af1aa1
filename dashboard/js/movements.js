// Movements of the last hour, the newest first.
import {el, find, keyed, setText, setAttribute, show} from './dom.js';
import {t, clockSeconds} from './i18n.js';
import {isoIn} from './time.js';
import {download} from './csv.js';
import {zoneSuffix} from './sessions.js';

export class Movements {
    constructor(app) {
        this.app = app;
        find('#movements-csv').addEventListener('click', () => this.csv());
    }

    zoneOf(row) {
        return this.app.session(row.session_id)?.time_zone ?? 'UTC';
    }

    render() {
        show(find('#movements-none'), this.app.movements.length === 0);
        keyed(find('#movements-list'), this.app.movements, row => row.id,
            () => el('li', {}, el('span', {class: 'way'}), el('span', {class: 'where'}), el('time', {})),
            (node, row) => {
                const at = Date.parse(row.movement_time);
                const [way, where, time] = node.children;
                setAttribute(node, 'data-way', row.movement_direction);
                setText(way, t(`way_${row.movement_direction}`));
                setText(where, row.session_name);
                setText(time, clockSeconds(at, this.zoneOf(row)) + zoneSuffix(at, this.zoneOf(row)));
                setAttribute(time, 'datetime', row.movement_time);
            });
    }

    csv() {
        download('movements', [['movement_time', 'time_zone', 'session_id', 'session_name', 'movement_direction', 'confidence_score', 'id'],
            ...this.app.movements.map(row => [isoIn(Date.parse(row.movement_time), this.zoneOf(row)), this.zoneOf(row), row.session_id,
                row.session_name, row.movement_direction, row.confidence_score, row.id])]);
    }
}
