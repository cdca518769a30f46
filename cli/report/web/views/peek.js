// A function between the tables of its callers and its callees.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Edge } from '../model/edges.js' */

import { edgesAt } from '../model/edges.js';
import { exactly } from '../model/session.js';
import { certaintyText } from '../text/describe.js';
import { shortened } from '../text/shorten.js';
import { change, percentage } from '../text/units.js';
import { kindColour } from '../parts/colours.js';
import { button, el, fill } from '../parts/dom.js';

/** Functions, and callers or callees of each, that are shown at once. */
const MOST = 12;
const MOST_CALLS = 60;
/** The width of what is before the name of a call, which has no share on a narrow screen, and of a letter of the name. */
const BEFORE = 250;
const NARROW = 620;
const BEFORE_NARROW = 180;
const LETTER = 7.6;

export class PeekView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.holder = el('div', { class: 'scroller peek', tabindex: '0', role: 'region', 'aria-label': 'Callers and callees' });
        this.element = el('div', { class: 'picture' }, this.holder);
    }

    /** @param {Shown} shown */
    update(shown) {
        const { session, state } = this.app;
        const wanted = state.p === '' ? session.largest(shown, 'flat', MOST).filter((row) => row.flat.value !== 0) : this.matching(shown);
        const keys = new Uint8Array(shown.keys.names.length);
        wanted.forEach((row) => (keys[row.key] = 1));
        const edges = edgesAt(shown.calls, shown.metric, keys);
        const parts = wanted.map((row) => {
            const callers = edges.filter((edge) => edge.callee === row.key);
            const callees = edges.filter((edge) => edge.caller === row.key);
            const name = session.info(shown.keys, row.key).name || row.name;
            return el(
                'section',
                { class: 'routine' },
                this.calls(shown, 'Callers', callers, (edge) => edge.caller, row.cum.value),
                el('h2', {}, this.dot(shown, row.key), button(row.name, () => this.app.go({ view: 'sandwich', p: exactly(name) }), { class: 'link' }),
                    el('span', {}, [`${change(row.flat.value, shown.unit, shown.difference)} itself`, `${change(row.cum.value, shown.unit, shown.difference)} with what it calls, ${percentage(row.cum.value, shown.metric.total)}`, certaintyText(shown, row.cum)].filter((text) => text !== '').join('; '))),
                this.calls(shown, 'Callees', callees, (edge) => edge.callee, row.cum.value),
            );
        });
        const none = el('p', { class: 'hint' }, 'No function of this name holds anything here.');
        fill(this.holder, ...(parts.length > 0 ? parts : [none]));
    }

    /**
     * The largest rows of the functions that are asked for.
     *
     * @param {Shown} shown
     */
    matching(shown) {
        const { session } = this.app;
        const pivots = session.pivots(shown);
        const rows = session.rows(shown);
        const keys = rows.keys.filter((key) => pivots[key] === 1);
        return rows.sorted('cum', { keys }).slice(0, MOST).map((key) => rows.row(key));
    }

    /**
     * @param {Shown} shown
     * @param {string} title
     * @param {Edge[]} edges
     * @param {(edge: Edge) => number} other
     * @param {number} whole
     */
    calls(shown, title, edges, other, whole) {
        const room = Math.max(12, Math.floor((this.holder.clientWidth - (this.holder.clientWidth < NARROW ? BEFORE_NARROW : BEFORE)) / LETTER));
        const sorted = [...edges].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
        const rows = sorted.slice(0, MOST_CALLS).map((edge) => {
            const key = other(edge);
            const cell = el('td', { class: `cum${!shown.difference ? '' : edge.value < 0 ? ' less' : ' more'}` }, change(edge.value, shown.unit, shown.difference));
            cell.style.setProperty('--fill', `${whole === 0 ? 0 : Math.min(100, Math.abs(edge.value / whole) * 100)}%`);
            const name = this.app.session.info(shown.keys, key).name || shown.keys.names[key];
            return el('tr', {}, cell, el('td', { class: 'share' }, percentage(edge.value, whole)),
                el('td', { class: 'name' }, this.dot(shown, key), button(shortened(shown.keys.names[key], room), () => this.app.go({ p: exactly(name) }), { class: 'link', title: shown.keys.names[key] })));
        });
        const more = sorted.length - rows.length;
        return el('table', { class: 'top calls' }, el('caption', {}, rows.length === 0 ? `${title}: none` : title), el('tbody', {}, ...rows),
            more > 0 && el('tfoot', {}, el('tr', {}, el('td', { colspan: '3' }, `and ${more} more`))));
    }

    /**
     * @param {Shown} shown
     * @param {number} key
     */
    dot(shown, key) {
        const dot = el('span', { class: 'dot' });
        dot.style.background = kindColour(this.app.session.kind(shown.keys, key), '');
        return dot;
    }

    focus() {
        this.holder.focus({ preventScroll: true });
    }
}
