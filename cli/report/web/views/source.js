// The source of functions, with what each line holds.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Line, Routine } from '../model/listing.js' */

import { BLANK } from '../model/keys.js';
import { routinesOf } from '../model/listing.js';
import { exactly } from '../model/session.js';
import { pattern } from '../text/pattern.js';
import { change, percentage } from '../text/units.js';
import { kindColour } from '../parts/colours.js';
import { button, el, fill } from '../parts/dom.js';
import { editorLink, editorName, offerEditors } from '../parts/editor.js';

/** Functions that are shown at once. */
const MOST = 25;

export class SourceView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.lead = el('div', { class: 'way' });
        this.holder = el('div', { class: 'scroller source', tabindex: '0', role: 'region', 'aria-label': 'Source' });
        this.element = el('div', { class: 'picture' }, this.lead, this.holder);
    }

    /** @param {Shown} shown */
    update(shown) {
        const { session, state } = this.app;
        const lines = session.shown({ ...state, g: 'lines' });
        const regex = state.p === '' ? null : pattern(state.p);
        const search = state.q === '' ? null : pattern(state.q);
        const isWanted = (/** @type {string} */ name, /** @type {number} */ kind) =>
            name !== '' &&
            (regex === null ? kind === 0 : typeof regex !== 'string' && regex.test(name)) &&
            (search === null || typeof search === 'string' || search.test(name));
        const routines = routinesOf(session, lines, isWanted, MOST);
        const all = button('All own code', () => this.app.go({ p: '' }), { class: 'plain' });
        fill(
            this.lead,
            el('span', {}, regex === null ? 'Own code, the functions that hold most' : typeof regex === 'string' ? `${state.p}: ${regex}` : `Functions that match ${state.p}`),
            state.p !== '' && all,
            this.editor(shown),
        );
        const none = regex === null ? 'None of the program’s own functions holds anything here. The menu of any other function has its source.' : 'No function of this name holds anything here.';
        fill(this.holder, ...(routines.length > 0 ? routines.map((routine) => this.routine(shown, routine)) : [el('p', { class: 'hint' }, none)]));
    }

    /**
     * @param {Shown} shown
     * @param {Routine} routine
     */
    routine(shown, routine) {
        const { unit, difference, metric } = shown;
        const amounts = (/** @type {number} */ value) => (value === 0 ? '' : change(value, unit, difference));
        const most = Math.max(1, ...routine.lines.map((line) => Math.abs(line.cum)));
        const dot = el('span', { class: 'dot' });
        dot.style.background = kindColour(routine.kind, '');
        const body = [];
        let before = 0;
        for (const line of routine.lines) {
            if (before > 0 && line.number > before + 1) {
                body.push(el('tr', { class: 'cut' }, el('td', { colspan: '4' }, '⋮')));
            }
            before = line.number;
            body.push(this.line(routine.file, line, amounts, most, difference));
        }
        return el(
            'section',
            { class: 'routine' },
            el('h2', {}, dot, button(routine.name.trim() || BLANK, () => this.app.go({ view: 'sandwich', p: exactly(routine.name) }), { class: 'link', title: 'Callers and callees' }),
                el('span', {}, `${routine.flat === 0 ? '' : `${change(routine.flat, unit, difference)} itself, `}${change(routine.cum, unit, difference)} with what it calls, ${percentage(routine.cum, metric.total)}`)),
            el('p', { class: 'place' }, routine.file || 'no source file is known'),
            !routine.hasSource && routine.file !== '' && el('p', { class: 'hint' }, 'The source was not at hand when this page was made, or was left out.'),
            el('table', {}, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Line'), el('th', { scope: 'col' }, 'Flat'), el('th', { scope: 'col' }, 'Cum'), el('th', { scope: 'col', class: 'text' }, 'Source'))), el('tbody', {}, ...body)),
        );
    }

    /**
     * The editor that line numbers lead to, to choose another.
     *
     * @param {Shown} shown
     */
    editor(shown) {
        const choice = button(`Lines open in ${editorName()}`, () => offerEditors(choice, () => this.update(shown)), { class: 'plain editor', 'aria-haspopup': 'menu' });
        return choice;
    }

    /**
     * @param {string} file
     * @param {Line} line
     * @param {(value: number) => string} amounts
     * @param {number} most
     * @param {boolean} difference
     */
    line(file, line, amounts, most, difference) {
        const link = line.number === 0 ? '' : editorLink(file, line.number);
        const number = line.number === 0 ? '?' : String(line.number);
        const heat = Math.abs(line.cum) / most;
        const row = el('tr', { class: line.cum === 0 && line.flat === 0 ? 'idle' : null },
            el('td', { class: 'number' }, link === '' ? number : el('a', { href: link, title: `Open in ${editorName()}` }, number)),
            el('td', {}, amounts(line.flat)),
            el('td', {}, amounts(line.cum)),
            el('td', { class: 'text' }, line.text ?? ''));
        row.style.setProperty('--heat', `${Math.round(heat * 100)}%`);
        difference && row.classList.add(line.cum < 0 ? 'less' : 'more');
        return row;
    }

    focus() {
        this.holder.focus({ preventScroll: true });
    }
}
