// The table of functions. Only the rows that are on the screen are in the page.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Column, Row } from '../model/rows.js' */

import { KINDS } from '../data/profile.js';
import { exactly, granularityOf } from '../model/session.js';
import { halfInterval, isNoise } from '../model/sums.js';
import { shortened } from '../text/shorten.js';
import { amount, change, grouped, percentage } from '../text/units.js';
import { actionsOf } from '../parts/actions.js';
import { kindColour } from '../parts/colours.js';
import { KIND_NAMES } from '../parts/details.js';
import { button, el, fill } from '../parts/dom.js';
import { openMenu } from '../parts/menu.js';
import { smallerNote } from '../parts/smaller.js';

/** The height of a row, and the width of a letter of a name. */
const ROW = 30;
const LETTER = 7.6;

/** @type {{ column: Column, label: string, title: string }[]} */
const COLUMNS = [
    { column: 'flat', label: 'Flat', title: 'what it holds itself' },
    { column: 'cum', label: 'Cum', title: 'together with all that it calls' },
    { column: 'samples', label: 'Samples', title: 'samples behind the value that the rows are sorted by, with half of its 95% interval' },
    { column: 'name', label: 'Name', title: '' },
];

export class TopView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.head = el('tr', { 'aria-rowindex': '1' });
        this.body = el('tbody');
        this.table = el('table', { class: 'top' }, el('thead', {}, this.head), this.body);
        this.scroller = el('div', { class: 'scroller', tabindex: '0', 'aria-label': 'Functions', role: 'region' }, this.table);
        this.lead = el('div', { class: 'way' });
        this.element = el('div', { class: 'picture' }, this.lead, this.scroller);
        /** @type {readonly Row[]} */
        this.rows = [];
        this.selected = 0;
        /** @type {Shown | null} */
        this.shown = null;
        this.scroller.addEventListener('scroll', () => this.draw());
        this.scroller.addEventListener('keydown', (event) => this.key(event));
        new ResizeObserver(() => this.draw()).observe(this.scroller);
    }

    /** @param {Shown} shown */
    update(shown) {
        const { app } = this;
        const { column, upwards } = orderOf(shown);
        const search = shown.search;
        const all = app.session.sorted(shown, column);
        const found = search && search.wrong === '' ? all.filter((row) => search.keys[row.key]) : all;
        this.rows = upwards ? [...found].reverse() : found;
        if (JSON.stringify(this.shown?.state) !== JSON.stringify(shown.state)) {
            this.selected = 0;
            this.scroller.scrollTop = 0;
        }
        this.shown = shown;
        const flat = this.rows.reduce((sum, row) => sum + row.flat.value, 0);
        fill(
            this.lead,
            el('div', { class: 'choice', role: 'group', 'aria-label': 'Which code' },
                button('All functions', () => app.go({ own: false, g: '' }), { 'aria-pressed': String(!shown.state.own) }),
                button('Own code, by line', () => app.go({ own: true, g: '' }), { 'aria-pressed': String(shown.state.own) }),
            ),
            el('span', { role: 'status' }, `${grouped(this.rows.length)} ${granularityOf(shown.state).replace('filef', 'f')}, ${change(flat, shown.unit, shown.difference)} in all, ${percentage(flat, shown.metric.total)} of ${amount(shown.metric.total, shown.unit)}`),
            smallerNote(shown),
        );
        fill(this.head, ...COLUMNS.filter((one) => one.column !== 'samples' || shown.metric.sampled).flatMap((one) => this.heading(one, column, upwards)));
        this.table.setAttribute('aria-rowcount', String(this.rows.length + 1));
        this.draw();
    }

    /**
     * @param {typeof COLUMNS[number]} one
     * @param {Column} column
     * @param {boolean} upwards
     */
    heading(one, column, upwards) {
        const isSorted = one.column === column;
        const sort = () => {
            const turned = isSorted && !upwards;
            this.app.go({ sort: one.column === 'flat' && !turned ? '' : `${one.column}${turned ? '-' : ''}` });
        };
        const arrow = isSorted ? (upwards ? ' ↑' : ' ↓') : '';
        const heading = el('th', { scope: 'col', class: one.column, 'aria-sort': isSorted ? (upwards ? 'ascending' : 'descending') : null },
            button(one.label + arrow, sort, { title: one.title }));
        return one.column === 'flat' || one.column === 'cum'
            ? [heading, el('th', { scope: 'col', class: 'share' }, '%')]
            : [heading];
    }

    draw() {
        const { shown, scroller } = this;
        if (!shown) {
            return;
        }
        const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - 5);
        const last = Math.min(this.rows.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + 5);
        const largest = this.rows.reduce((most, row) => Math.max(most, Math.abs(row.flat.value), Math.abs(row.cum.value)), 1);
        const room = Math.max(8, Math.floor(((this.head.lastElementChild?.clientWidth ?? 0) - 48) / LETTER));
        const rows = this.rows.slice(first, last).map((row, i) => this.row(shown, row, first + i, largest, room));
        fill(this.body, gap(first), ...rows, gap(this.rows.length - last));
    }

    /**
     * @param {Shown} shown
     * @param {Row} row
     * @param {number} index
     * @param {number} largest
     * @param {number} room for the name, in letters
     */
    row(shown, row, index, largest, room) {
        const { app } = this;
        const { unit, difference, metric } = shown;
        const kind = app.session.kind(shown.keys, row.key);
        const dot = el('span', { class: 'dot', title: KIND_NAMES[KINDS[kind]] });
        dot.style.background = kindColour(kind, '');
        const estimate = orderOf(shown).column === 'cum' ? row.cum : row.flat;
        const value = (/** @type {number} */ number, /** @type {string} */ name) => {
            const cell = el('td', { class: `${name}${difference ? (number < 0 ? ' less' : ' more') : ''}` }, change(number, unit, difference));
            cell.style.setProperty('--fill', `${(Math.abs(number) / largest) * 100}%`);
            return cell;
        };
        const half = halfInterval(estimate.variance);
        const samples = metric.sampled && el('td', { class: `samples${isNoise(estimate) ? ' noise' : ''}` },
            estimate.samples > 0 && grouped(Math.round(estimate.samples)), half > 0 && el('small', {}, ` ± ${amount(Math.round(half), unit)}`));
        const name = app.session.info(shown.keys, row.key).name || row.name;
        const open = () => openMenuAt(actionsOf(app, name, null), line);
        const line = el('tr', {
            'aria-rowindex': String(index + 2),
            class: index === this.selected ? 'selected' : null,
            click: () => {
                this.selected = index;
                this.draw();
            },
            dblclick: () => app.go({ view: 'sandwich', p: exactly(name) }),
            contextmenu: (/** @type {MouseEvent} */ event) => {
                event.preventDefault();
                openMenu(actionsOf(app, name, null), event.clientX, event.clientY);
            },
        },
            value(row.flat.value, 'flat'),
            el('td', { class: 'share' }, percentage(row.flat.value, metric.total)),
            value(row.cum.value, 'cum'),
            el('td', { class: 'share' }, percentage(row.cum.value, metric.total)),
            samples,
            el('td', { class: 'name' }, dot, button(shortened(row.name, room), open, { class: 'link', tabindex: '-1', title: row.name })),
        );
        return line;
    }

    /** @param {KeyboardEvent} event */
    key(event) {
        const page = Math.floor(this.scroller.clientHeight / ROW) - 1;
        const moves = /** @type {Record<string, number>} */ ({
            ArrowDown: this.selected + 1,
            ArrowUp: this.selected - 1,
            PageDown: this.selected + page,
            PageUp: this.selected - page,
            Home: 0,
            End: this.rows.length - 1,
        });
        const { shown } = this;
        if (event.key in moves && this.rows.length > 0) {
            this.selected = Math.max(0, Math.min(moves[event.key], this.rows.length - 1));
            const top = this.selected * ROW;
            const { scrollTop, clientHeight } = this.scroller;
            if (top < scrollTop) {
                this.scroller.scrollTop = top;
            } else if (top + 2 * ROW > scrollTop + clientHeight) {
                this.scroller.scrollTop = top + 2 * ROW - clientHeight;
            }
            this.draw();
        } else if (event.key === 'Enter' && shown && this.rows[this.selected]) {
            const row = this.rows[this.selected];
            const line = this.body.querySelector('.selected');
            openMenuAt(actionsOf(this.app, this.app.session.info(shown.keys, row.key).name || row.name, null), line ?? this.scroller);
        } else {
            return;
        }
        event.preventDefault();
    }

    focus() {
        this.scroller.focus({ preventScroll: true });
    }
}

/** @param {number} count of rows that are not there */
function gap(count) {
    const row = el('tr', { 'aria-hidden': 'true', class: 'gap' });
    row.style.height = `${count * ROW}px`;
    return count > 0 ? row : null;
}

/**
 * @param {Parameters<typeof openMenu>[0]} actions
 * @param {Element} element
 */
function openMenuAt(actions, element) {
    const bounds = element.getBoundingClientRect();
    openMenu(actions, bounds.left + Math.min(bounds.width / 3, 240), bounds.bottom);
}

/**
 * @param {Shown} shown
 * @returns {{ column: Column, upwards: boolean }}
 */
function orderOf(shown) {
    const { sort } = shown.state;
    const column = COLUMNS.find((one) => one.column === sort.replace('-', ''))?.column ?? 'flat';
    return { column, upwards: sort.endsWith('-') };
}
