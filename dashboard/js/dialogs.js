// What asks before it does something, and the form to sign in.
import * as api from './api.js';
import * as updates from './updates.js';
import {announce, find, setText} from './dom.js';
import {t, named, number} from './i18n.js';

// A refusal in words, with what the server said.
function reasonOf(error) {
    const lead = error.status === 401 ? t('error_401_credential') : error.status === 403 ? t('error_403')
        : error.lost ? t('error_lost') : t('error_refused');
    return error.status === 0 ? lead : `${lead} (${error.message})`;
}

// The form is sent once at a time; what it is refused with is shown in it.
function onSubmit(form, action) {
    const button = find('[type=submit]', form);
    form.onsubmit = async event => {
        event.preventDefault();
        if (button.disabled) return;
        setText(find('.error', form), '');
        button.disabled = true;
        try {
            await action();
        } catch (error) {
            setText(find('.error', form), error instanceof api.ApiError ? reasonOf(error) : String(error.message));
        } finally {
            button.disabled = false;
        }
    };
}

for (const close of document.querySelectorAll('dialog [data-close]')) {
    close.addEventListener('click', () => close.closest('dialog').close());
}

// ---- signing in -------------------------------------------------------------------------------------------------------------

export function signIn(use) {
    const form = find('#signin-form');
    const input = find('#credential');
    form.addEventListener('submit', event => {
        event.preventDefault();
        const value = input.value.trim();
        if (!api.isCredential(value)) {
            setText(find('#signin-error'), t('credential_malformed'));
            input.focus();
            return;
        }
        setText(find('#signin-error'), '');
        input.value = '';
        use(value);
    });
}

// ---- an alert -----------------------------------------------------------------------------------------------------------------

let lastName = '';

export function openAcknowledge(app, alert) {
    const dialog = find('#acknowledge');
    const session = app.session(alert.session_id);
    setText(find('#acknowledge-what'), [named('rule', alert.alert_type), session?.session_name, alert.alert_message].filter(Boolean).join(' · '));
    setText(find('.error', dialog), '');
    find('#acknowledge-by').value = lastName;
    find('#acknowledge-note').value = '';
    onSubmit(find('form', dialog), async () => {
        lastName = find('#acknowledge-by').value.trim();
        await api.acknowledgeAlert(alert.id, {by: lastName, note: find('#acknowledge-note').value.trim()});
        dialog.close();
        announce(t('acknowledged'));
        find('#alerts-heading').focus();   // the button is gone
        updates.refreshNow();
    });
    dialog.showModal();
}

// ---- a baseline -----------------------------------------------------------------------------------------------------------------

// First what, then a question that names it, then it is done.
export function openBaseline(app, session) {
    const dialog = find('#baseline');
    const form = find('form', dialog);
    const count = find('#baseline-count');
    const kind = () => form.elements.kind.value;
    const counted = () => app.session(session.id)?.current_people_inside ?? session.current_people_inside;
    let asked = null;

    const ask = row => {
        asked = row;
        setText(find('#baseline-question'), row ? t('baseline_question', {count: row.people_count, session: session.session_name,
            counted: number(counted())}) : '');
        setText(find('#baseline-submit'), t(row ? 'baseline_do' : 'continue'));
    };
    setText(find('#baseline-heading'), t('set_count_of', {name: session.session_name}));
    setText(find('#baseline-now'), t('baseline_now', {count: counted()}));
    setText(find('#baseline-error'), '');
    form.reset();
    ask(null);
    form.oninput = event => {
        if (event.target.name === 'kind') count.value = kind() === 'reset' ? '0' : '';
        ask(null);
    };
    onSubmit(form, async () => {
        const text = count.value.trim();
        if (!/^\d{1,9}$/.test(text)) {
            count.focus();
            throw new Error(t('baseline_malformed'));
        }
        if (!asked) {
            ask({session_id: session.id, people_count: Number(text), kind: kind(), note: find('#baseline-note').value.trim() || null});
            return;
        }
        await api.addBaseline({...asked, baseline_time: new Date(api.now()).toISOString()});
        dialog.close();
        announce(t('baseline_done', {count: asked.people_count, session: session.session_name}));
        updates.refreshNow();
    });
    dialog.showModal();
    count.focus();
}
