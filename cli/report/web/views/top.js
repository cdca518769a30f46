// The table of functions. Only the rows that are on the screen are in the page.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Column, Row } from '../model/rows.js' */
/** @import { Sorted } from '../model/sorted.js' */

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
        /** @type {Sorted | null} the keys of the rows */
        this.keys = null;
        /** The value that fills a cell. */
        this.most = 1;
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
        const rows = app.session.rows(shown);
        const keys = search && search.wrong === '' ? rows.keys.filter((key) => search.keys[key] === 1) : rows.keys;
        this.keys = rows.sorted(column, { keys, upwards });
        this.most = 1;
        let flat = 0;
        for (const key of keys) {
            flat += rows.flat.value[key];
            this.most = Math.max(this.most, Math.abs(rows.flat.value[key]), Math.abs(rows.cum.value[key]));
        }
        if (JSON.stringify(this.shown?.state) !== JSON.stringify(shown.state)) {
            this.selected = 0;
            this.scroller.scrollTop = 0;
        }
        this.shown = shown;
        fill(
            this.lead,
            el('div', { class: 'choice', role: 'group', 'aria-label': 'Which code' },
                button('All functions', () => app.go({ own: false, g: '' }), { 'aria-pressed': String(!shown.state.own) }),
                button('Own code, by line', () => app.go({ own: true, g: '' }), { 'aria-pressed': String(shown.state.own) }),
            ),
            el('span', { role: 'status' }, `${grouped(keys.length)} ${granularityOf(shown.state).replace('filef', 'f')}, ${change(flat, shown.unit, shown.difference)} in all, ${percentage(flat, shown.metric.total)} of ${amount(shown.metric.total, shown.unit)}`),
            smallerNote(shown),
        );
        fill(this.head, ...COLUMNS.filter((one) => one.column !== 'samples' || shown.metric.sampled).flatMap((one) => this.heading(one, column, upwards)));
        this.table.setAttribute('aria-rowcount', String(keys.length + 1));
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
        // Numbers fall, and names rise.
        const rises = upwards !== (one.column === 'name');
        const arrow = isSorted ? (rises ? ' ↑' : ' ↓') : '';
        const heading = el('th', { scope: 'col', class: one.column, 'aria-sort': isSorted ? (rises ? 'ascending' : 'descending') : null },
            button(one.label + arrow, sort, { title: one.title }));
        return one.column === 'flat' || one.column === 'cum'
            ? [heading, el('th', { scope: 'col', class: 'share' }, '%')]
            : [heading];
    }

    draw() {
        const { shown, keys, scroller } = this;
        if (!shown || !keys) {
            return;
        }
        const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - 5);
        const last = Math.min(keys.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + 5);
        const room = Math.max(8, Math.floor(((this.head.lastElementChild?.clientWidth ?? 0) - 48) / LETTER));
        const rows = this.app.session.rows(shown);
        const lines = keys.slice(first, last).map((key, i) => this.row(shown, rows.row(key), first + i, room));
        fill(this.body, gap(first), ...lines, gap(keys.length - last));
    }

    /**
     * @param {Shown} shown
     * @param {Row} row
     * @param {number} index
     * @param {number} room for the name, in letters
     */
    row(shown, row, index, room) {
        const { app } = this;
        const { unit, difference, metric } = shown;
        const kind = app.session.kind(shown.keys, row.key);
        const dot = el('span', { class: 'dot', title: KIND_NAMES[KINDS[kind]] });
        dot.style.background = kindColour(kind, '');
        const estimate = orderOf(shown).column === 'cum' ? row.cum : row.flat;
        const value = (/** @type {number} */ number, /** @type {string} */ name) => {
            const cell = el('td', { class: `${name}${difference ? (number < 0 ? ' less' : ' more') : ''}` }, change(number, unit, difference));
            cell.style.setProperty('--fill', `${(Math.abs(number) / this.most) * 100}%`);
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
        const { shown, keys } = this;
        if (!shown || !keys) {
            return;
        }
        const page = Math.floor(this.scroller.clientHeight / ROW) - 1;
        const moves = /** @type {Record<string, number>} */ ({
            ArrowDown: this.selected + 1,
            ArrowUp: this.selected - 1,
            PageDown: this.selected + page,
            PageUp: this.selected - page,
            Home: 0,
            End: keys.length - 1,
        });
        if (event.key in moves && keys.length > 0) {
            this.selected = Math.max(0, Math.min(moves[event.key], keys.length - 1));
            const top = this.selected * ROW;
            const { scrollTop, clientHeight } = this.scroller;
            if (top < scrollTop) {
                this.scroller.scrollTop = top;
            } else if (top + 2 * ROW > scrollTop + clientHeight) {
                this.scroller.scrollTop = top + 2 * ROW - clientHeight;
            }
            this.draw();
        } else if (event.key === 'Enter' && this.selected < keys.length) {
            const [key] = keys.slice(this.selected, this.selected + 1);
            const line = this.body.querySelector('.selected');
            openMenuAt(actionsOf(this.app, this.app.session.info(shown.keys, key).name || shown.keys.names[key], null), line ?? this.scroller);
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
