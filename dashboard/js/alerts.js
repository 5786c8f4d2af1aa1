// Alerts: those that last, and those that are over. Who may, takes notice of one.
import {announce, el, find, keyed, setAttribute, setText, show} from './dom.js';
import {t, named, number, dayAndClock} from './i18n.js';
import {isoIn} from './time.js';
import {download} from './csv.js';
import {zoneSuffix} from './sessions.js';
import {openAcknowledge} from './dialogs.js';

const FIRST = 6;
const digits = value => Number.isInteger(value) ? 0 : 1;
const figure = value => value === null || value === undefined ? '–' : number(value, digits(value));

export class Alerts {
    constructor(app) {
        this.app = app;
        this.known = null;
        this.everything = false;
        find('#alerts-more').addEventListener('click', () => {
            this.everything = !this.everything;
            this.render();
        });
        find('#alerts-csv').addEventListener('click', () => this.csv());
    }

    place(alert) {
        const session = this.app.session(alert.session_id);
        return {name: session?.session_name ?? alert.session_id ?? t('no_session'), zone: session?.time_zone ?? 'UTC'};
    }

    time(text, zone) {
        const at = Date.parse(text);
        return dayAndClock(at, zone) + zoneSuffix(at, zone);
    }

    render() {
        // Those that nobody has seen yet, then the newest.
        const open = this.app.alerts.filter(alert => !alert.is_resolved)
            .sort((a, b) => Boolean(a.acknowledged_at) - Boolean(b.acknowledged_at) || Date.parse(b.triggered_at) - Date.parse(a.triggered_at));
        const past = this.app.alerts.filter(alert => alert.is_resolved);
        show(find('#alerts-none'), open.length === 0);
        for (const [list, alerts] of [['#alerts-open', this.everything ? open : open.slice(0, FIRST)], ['#alerts-past', past]]) {
            keyed(find(list), alerts, alert => alert.id, alert => this.create(alert), (node, alert) => this.update(node, alert));
        }
        show(find('#alerts-more'), open.length > FIRST);
        setText(find('#alerts-more'), this.everything ? t('show_fewer') : t('show_all', {count: open.length}));
        show(find('#alerts-past-box'), past.length > 0);
        setText(find('#alerts-past-title'), t('alerts_past', {count: past.length}));
        if (this.known) {
            for (const alert of open.filter(one => !this.known.has(one.id)).slice(0, 3)) {
                announce(t('alert_new', {name: named('rule', alert.alert_type), session: this.place(alert).name}));
            }
        }
        this.known = new Set(this.app.alerts.map(alert => alert.id));
    }

    create(alert) {
        return el('li', {class: 'alert'},
            el('p', {class: 'alert-head'}, el('span', {class: 'badge'}), el('strong', {})),
            el('p', {class: 'message'}),
            el('p', {class: 'about'}),
            el('p', {class: 'when'}),
            el('p', {class: 'notice'}),
            el('button', {type: 'button', onclick: event => openAcknowledge(this.app, this.app.alerts.find(one => one.id === alert.id) ?? alert,
                event.currentTarget)}));
    }

    update(node, alert) {
        const {name, zone} = this.place(alert);
        const put = (selector, text) => {
            const target = find(selector, node);
            setText(target, text);
            show(target, Boolean(text));
        };
        setAttribute(node, 'data-severity', alert.severity);
        setAttribute(node, 'data-acknowledged', alert.acknowledged_at ? 'yes' : null);
        put('.badge', t(`severity_${alert.severity}`));
        put('strong', named('rule', alert.alert_type));
        put('.message', alert.alert_message);
        put('.about', alert.metric ? t('alert_value', {session: name, metric: named('metric', alert.metric),
            value: figure(alert.peak_value ?? alert.current_value), threshold: figure(alert.threshold_value)}) : name);
        put('.when', alert.is_resolved
            ? t('alert_lasted', {from: this.time(alert.triggered_at, zone), to: this.time(alert.resolved_at ?? alert.triggered_at, zone),
                reason: alert.resolved_reason ? named('reason', alert.resolved_reason) : ''}).trim()
            : t('alert_since', {time: this.time(alert.triggered_at, zone)}));
        put('.notice', !alert.acknowledged_at ? '' : t('alert_acknowledged', {time: this.time(alert.acknowledged_at, zone),
            by: named('by', alert.acknowledged_by ?? '')}) + (alert.note ? ` ${t('quoted', {text: alert.note})}` : ''));
        const button = find('button', node);
        show(button, Boolean(this.app.rights?.acknowledge) && !alert.is_resolved && !alert.acknowledged_at);
        setText(button, t('acknowledge'));
        setAttribute(button, 'aria-label', t('acknowledge_of', {name: named('rule', alert.alert_type), session: name}));
    }

    csv() {
        const time = (text, alert) => text ? isoIn(Date.parse(text), this.place(alert).zone) : null;
        download('alerts', [['id', 'session_name', 'alert_type', 'severity', 'alert_message', 'metric', 'current_value', 'peak_value',
            'threshold_value', 'triggered_at', 'resolved_at', 'resolved_reason', 'acknowledged_at', 'acknowledged_by', 'note'],
        ...this.app.alerts.map(alert => [alert.id, alert.session_id ? this.place(alert).name : null, alert.alert_type, alert.severity, alert.alert_message,
            alert.metric, alert.current_value, alert.peak_value, alert.threshold_value, time(alert.triggered_at, alert), time(alert.resolved_at, alert),
            alert.resolved_reason, time(alert.acknowledged_at, alert), alert.acknowledged_by, alert.note])]);
    }
}
