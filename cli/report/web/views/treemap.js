// What functions hold themselves, by the files that they are in.

/** @import { App } from '../app.js' */
/** @import { Profile } from '../data/profile.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Row } from '../model/rows.js' */
/** @import { Rectangle } from '../model/squares.js' */

import { base, frameInfo } from '../data/frame.js';
import { squares } from '../model/squares.js';
import { isNoise } from '../model/sums.js';
import { certaintyText, valueText } from '../text/describe.js';
import { boxName } from '../text/shorten.js';
import { amount, grouped } from '../text/units.js';
import { actionsOf } from '../parts/actions.js';
import { changeColour, kindColour } from '../parts/colours.js';
import { button, el, fill, sizeOf } from '../parts/dom.js';
import { legend } from '../parts/legend.js';
import { openMenu } from '../parts/menu.js';
import { hideTip, showTip } from '../parts/tip.js';

/** Room for the name of a file, the least side of what is drawn, and the width of a letter. */
const TITLE = 18;
const LEAST = 8;
const LETTER = 7;
/** Most functions that are drawn: a page with more elements takes its time. */
const MOST = 1500;

/** @typedef {{ name: string, rows: Row[], count: number, size: number }} Group those of its rows that are drawn */

export class TreemapView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.note = el('div', { class: 'way' });
        this.holder = el('div', { class: 'treemap', role: 'group', 'aria-label': 'Functions by file' });
        this.legend = el('div', { class: 'legend' });
        this.element = el('div', { class: 'picture' }, this.note, this.holder, this.legend);
        /** @type {Shown | null} */
        this.shown = null;
        /** @type {Map<Element, string[]>} what is told of a tile under the pointer */
        this.tips = new Map();
        this.holder.addEventListener('pointermove', (event) => this.hover(event));
        this.holder.addEventListener('pointerleave', hideTip);
        /** The size that it was drawn for. */
        this.size = '';
        new ResizeObserver(() => sizeOf(this.holder) !== this.size && this.draw()).observe(this.holder);
    }

    /** @param {Shown} shown */
    update(shown) {
        this.shown = shown;
        fill(this.legend, ...legend(shown));
        this.draw();
    }

    draw() {
        const { shown, holder } = this;
        const { clientWidth: width, clientHeight: height } = holder;
        if (!shown || width === 0 || height === 0) {
            return;
        }
        this.size = sizeOf(holder);
        this.tips.clear();
        const groups = groupsOf(this.app, shown, (LEAST * LEAST) / (width * height));
        const total = groups.reduce((sum, group) => sum + group.size, 0);
        const large = groups.filter((group) => group.rows.length > 0);
        const { places, left } = squares(large.map((group) => group.size), total, { x: 0, y: 0, width, height });
        const others = groups.filter((group) => group.rows.length === 0);
        const rest = { count: sumOf(others, (group) => group.count), size: sumOf(others, (group) => group.size) };
        fill(holder, ...large.map((group, i) => this.group(shown, group, places[i])), this.smaller(shown, rest, left));
        const small = { count: sumOf(groups, (group) => group.count - group.rows.length), size: total - sumOf(groups, (group) => sumOf(group.rows, heldBy)) };
        const told = small.count > 0 ? `; ${smallText(shown, small)}` : '';
        fill(this.note, el('span', {}, total === 0 ? 'No function holds anything itself here' : `What functions hold themselves, by file${told}`));
    }

    /**
     * @param {Shown} shown
     * @param {Group} group
     * @param {Rectangle} place
     */
    group(shown, group, place) {
        const hasTitle = place.height > 2 * TITLE && place.width > 50;
        const top = hasTitle ? TITLE : 0;
        const room = { x: 1, y: top, width: place.width - 2, height: place.height - top - 1 };
        const { places, left } = squares(group.rows.map(heldBy), group.size, room);
        const rest = { count: group.count - group.rows.length, size: group.size - sumOf(group.rows, heldBy) };
        const frame = el('div', { class: 'group' }, hasTitle && el('span', {}, boxName(group.name, Math.floor((place.width - 8) / LETTER))),
            ...group.rows.map((row, i) => this.tile(shown, row, places[i])), this.smaller(shown, rest, left));
        put(frame, place);
        return frame;
    }

    /**
     * @param {Shown} shown
     * @param {Row} row
     * @param {Rectangle} place
     */
    tile(shown, row, place) {
        const { app } = this;
        const room = Math.floor((place.width - 8) / LETTER);
        const label = place.height > 15 && room > 2 ? boxName(row.name, room) : '';
        const noise = shown.metric.sampled && isNoise(row.flat);
        const name = app.session.info(shown.keys, row.key).name || row.name;
        const lines = [row.name, valueText(shown, row.flat), certaintyText(shown, row.flat)].filter((line) => line !== '');
        const faded = shown.search !== null && !shown.search.keys[row.key];
        const tile = button(label, () => {
            const bounds = tile.getBoundingClientRect();
            openMenu(actionsOf(app, name, null), bounds.left + Math.min(bounds.width / 2, 60), bounds.top + Math.min(bounds.height, 24));
        }, { class: `tile${noise ? ' noise' : ''}${faded ? ' faded' : ''}`, 'aria-label': named(label, lines.join(', ')) });
        put(tile, place);
        tile.style.backgroundColor = faded ? '' : shown.difference ? changeColour(Math.sign(row.flat.value), noise) : kindColour(app.session.kind(shown.keys, row.key), row.name);
        this.tips.set(tile, lines);
        return tile;
    }

    /**
     * What is too small to be drawn leads to the table.
     *
     * @param {Shown} shown
     * @param {{ count: number, size: number }} small
     * @param {Rectangle} place
     */
    smaller(shown, small, place) {
        if (small.count === 0 || place.width < LEAST || place.height < LEAST) {
            return null;
        }
        const label = `${grouped(small.count)} smaller`;
        const hasRoom = place.height > 15 && place.width > label.length * LETTER + 8;
        const text = smallText(shown, small);
        const tile = button(hasRoom ? label : '', () => this.app.go({ view: 'top' }), { class: 'tile small', 'aria-label': named(hasRoom ? label : '', `${text}: see the table`) });
        put(tile, place);
        this.tips.set(tile, [text, 'click for the table']);
        return tile;
    }

    /** @param {PointerEvent} event */
    hover(event) {
        const tile = event.target instanceof Element && event.target.closest('.tile');
        const lines = tile && this.tips.get(tile);
        lines ? showTip(event.clientX, event.clientY, lines) : hideTip();
    }

    focus() {
        /** @type {HTMLElement | null} */ (this.holder.querySelector('.tile'))?.focus();
    }
}

/**
 * @param {HTMLElement} element
 * @param {Rectangle} place
 */
function put(element, { x, y, width, height }) {
    element.style.cssText = `left: ${x}px; top: ${y}px; width: ${Math.max(0, width - 1)}px; height: ${Math.max(0, height - 1)}px`;
}

/** @param {Row} row */
function heldBy(row) {
    return Math.abs(row.flat.value);
}

/**
 * @template T
 * @param {T[]} items
 * @param {(item: T) => number} of
 */
function sumOf(items, of) {
    return items.reduce((sum, item) => sum + of(item), 0);
}

/**
 * What a tile is called, by whoever says what can be read on it too.
 *
 * @param {string} label
 * @param {string} text
 */
function named(label, text) {
    return text.startsWith(label) ? text : `${label}: ${text}`;
}

/**
 * @param {Shown} shown
 * @param {{ count: number, size: number }} small
 */
function smallText(shown, { count, size }) {
    return `${grouped(count)} too small to draw hold ${amount(size, shown.unit)}`;
}

/**
 * The functions of each source file, or of each mapped one where there is no source, the largest first.
 *
 * @param {App} app
 * @param {Shown} shown
 * @param {number} least the share of a row that is large enough to be drawn
 * @returns {Group[]}
 */
function groupsOf({ profile, session }, shown, least) {
    const { frames, functions } = profile;
    const rows = session.rows(shown);
    /** @type {Map<number, Group>} */
    const groups = new Map();
    const groupOf = (/** @type {number} */ key) => {
        const frame = shown.keys.frames[key];
        const function_ = frames.function[frame] - 1;
        const file = function_ < 0 ? 0 : functions.file[function_];
        const place = file > 0 ? file : -frames.mapping[frame];
        const group = groups.get(place) ?? { name: groupName(profile, frame), rows: [], count: 0, size: 0 };
        groups.set(place, group);
        return group;
    };
    let total = 0;
    for (const key of rows.keys) {
        const size = Math.abs(rows.flat.value[key]);
        if (size > 0) {
            const group = groupOf(key);
            group.count++;
            group.size += size;
            total += size;
        }
    }
    const drawn = session.largest(shown, 'flat', MOST).filter((row) => heldBy(row) > 0 && heldBy(row) >= least * total);
    drawn.forEach((row) => groupOf(row.key).rows.push(row));
    return [...groups.values()].sort((a, b) => b.size - a.size);
}

/**
 * The end of a path says most.
 *
 * @param {Profile} profile
 * @param {number} frame
 */
function groupName(profile, frame) {
    const { file, object } = frameInfo(profile, frame);
    return file ? file.split('/').slice(-2).join('/') : object ? base(object) : 'unknown';
}
