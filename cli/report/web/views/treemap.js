// What functions hold themselves, by the files that they are in.

/** @import { App } from '../app.js' */
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
import { button, el, fill } from '../parts/dom.js';
import { legend } from '../parts/legend.js';
import { openMenu } from '../parts/menu.js';
import { hideTip, showTip } from '../parts/tip.js';

/** Room for the name of a file, least sides of what is drawn, and the width of a letter. */
const TITLE = 18;
const LEAST = 4;
const LETTER = 7;

/** @typedef {{ name: string, rows: Row[], size: number }} Group */

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
        new ResizeObserver(() => this.draw()).observe(this.holder);
    }

    /** @param {Shown} shown */
    update(shown) {
        this.shown = shown;
        this.draw();
        fill(this.legend, ...legend(shown));
    }

    draw() {
        const { shown, holder } = this;
        const { clientWidth: width, clientHeight: height } = holder;
        if (!shown || width === 0 || height === 0) {
            return;
        }
        const groups = groupsOf(this.app, shown);
        const places = squares(groups.map((group) => group.size), { x: 0, y: 0, width, height });
        /** @type {HTMLElement[]} */
        const tiles = [];
        let [small, held] = [0, 0];
        groups.forEach((group, i) => {
            const place = places[i];
            if (!place || place.width < LEAST || place.height < LEAST) {
                small += group.rows.length;
                held += group.size;
                return;
            }
            const hasTitle = place.height > 2 * TITLE && place.width > 50;
            const title = hasTitle ? TITLE : 0;
            const frame = el('div', { class: 'group' }, hasTitle && el('span', {}, boxName(group.name, Math.floor((place.width - 8) / LETTER))));
            put(frame, place);
            const inner = squares(group.rows.map(sizeOf), { x: 1, y: title, width: place.width - 2, height: place.height - title - 1 });
            group.rows.forEach((row, j) => {
                if (!inner[j] || inner[j].width < LEAST || inner[j].height < LEAST) {
                    small++;
                    held += sizeOf(row);
                } else {
                    frame.append(this.tile(shown, row, inner[j]));
                }
            });
            tiles.push(frame);
        });
        fill(holder, ...tiles);
        const rest = small > 0 ? `; ${grouped(small)} too small to draw hold ${amount(held, shown.unit)}` : '';
        fill(this.note, el('span', {}, `What functions hold themselves, by file${rest}`));
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
        }, { class: `tile${noise ? ' noise' : ''}${faded ? ' faded' : ''}`, 'aria-label': lines.join(', ') });
        tile.addEventListener('pointermove', (event) => showTip(event.clientX, event.clientY, lines));
        tile.addEventListener('pointerleave', hideTip);
        tile.style.backgroundColor = shown.difference ? changeColour(Math.sign(row.flat.value), noise) : kindColour(app.session.kind(shown.keys, row.key), row.name);
        put(tile, place);
        return tile;
    }

    focus() {
        /** @type {HTMLElement | null} */ (this.holder.querySelector('.tile'))?.focus();
    }
}

/**
 * @param {HTMLElement} element
 * @param {Rectangle} place
 */
function put(element, place) {
    element.style.left = `${place.x}px`;
    element.style.top = `${place.y}px`;
    element.style.width = `${Math.max(0, place.width - 1)}px`;
    element.style.height = `${Math.max(0, place.height - 1)}px`;
}

/** @param {Row} row */
function sizeOf(row) {
    return Math.abs(row.flat.value);
}

/**
 * The functions of each source file, or of each mapped one where there is no source, the largest first.
 *
 * @param {App} app
 * @param {Shown} shown
 * @returns {Group[]}
 */
function groupsOf(app, shown) {
    /** @type {Map<string, Group>} */
    const groups = new Map();
    for (const row of app.session.rows(shown)) {
        if (row.flat.value === 0) {
            continue;
        }
        const info = frameInfo(app.profile, shown.keys.frames[row.key]);
        const name = info.file ? shortFile(info.file) : info.object ? base(info.object) : 'unknown';
        const group = groups.get(name) ?? { name, rows: [], size: 0 };
        group.rows.push(row);
        group.size += sizeOf(row);
        groups.set(name, group);
    }
    const sorted = [...groups.values()].sort((a, b) => b.size - a.size);
    sorted.forEach((group) => group.rows.sort((a, b) => sizeOf(b) - sizeOf(a)));
    return sorted;
}

/**
 * The end of a path says most.
 *
 * @param {string} file
 */
function shortFile(file) {
    return file.split('/').slice(-2).join('/');
}
