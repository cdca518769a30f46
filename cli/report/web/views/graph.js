// The call graph of the functions that hold most.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Row } from '../model/rows.js' */
/** @import { Edge } from '../model/edges.js' */
/** @import { Layout, Point } from '../model/layers.js' */

import { edgesBetween } from '../model/edges.js';
import { layers } from '../model/layers.js';
import { isNoise } from '../model/sums.js';
import { boxName } from '../text/shorten.js';
import { change, grouped, percentage } from '../text/units.js';
import { actionsOf } from '../parts/actions.js';
import { changeColour, kindColour } from '../parts/colours.js';
import { el, fill } from '../parts/dom.js';
import { legend } from '../parts/legend.js';
import { openMenu } from '../parts/menu.js';
import { svg } from '../parts/svg.js';

/** Most functions, and the shares of the total below which a function and a call are left out. */
const MOST = 60;
const NODE_FRACTION = 0.005;
const EDGE_FRACTION = 0.001;
const LETTERS = 34;

export class GraphView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.note = el('div', { class: 'way' });
        this.holder = el('div', { class: 'scroller graph', tabindex: '0', role: 'region', 'aria-label': 'Call graph' });
        this.legend = el('div', { class: 'legend' });
        this.element = el('div', { class: 'picture' }, this.note, this.holder, this.legend);
        this.scale = 0;
        this.holder.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
        this.holder.addEventListener('keydown', (event) => this.key(event));
        this.holder.addEventListener('pointerdown', (event) => this.drag(event));
    }

    /** @param {Shown} shown */
    update(shown) {
        const { calls, metric } = shown;
        const { session } = this.app;
        const least = Math.abs(metric.total) * NODE_FRACTION;
        const kept = session.largest(shown, 'cum', Number(shown.state.n) || MOST).filter((row) => Math.abs(row.cum.value) >= least);
        const keys = new Uint8Array(shown.keys.names.length);
        kept.forEach((row) => (keys[row.key] = 1));
        const edges = edgesBetween(calls, metric, keys).filter((edge) => Math.abs(edge.value) >= Math.abs(metric.total) * EDGE_FRACTION);
        fill(this.note, el('span', {}, `${kept.length} of ${grouped(session.rows(shown).keys.length)} functions. Scroll to move, with Ctrl or + and − to come closer.`));
        fill(this.legend, ...legend(shown));
        if (kept.length === 0) {
            fill(this.holder);
            return;
        }
        const sizes = kept.map((row) => ({ id: row.key, ...size(row, textsOf(shown, row), metric.total) }));
        const arrows = edges.map((edge) => ({ from: edge.caller, to: edge.callee, weight: Math.abs(edge.value) }));
        this.draw(shown, kept, edges, sizes, layers(sizes, arrows));
    }

    /**
     * @param {Shown} shown
     * @param {Row[]} rows
     * @param {Edge[]} edges
     * @param {{ id: number, width: number, height: number }[]} sizes
     * @param {Layout} layout
     */
    draw(shown, rows, edges, sizes, layout) {
        const margin = 16;
        const width = layout.width + 2 * margin;
        const height = layout.height + 2 * margin;
        const total = Math.abs(shown.metric.total) || 1;
        const lines = edges.map((edge, i) => this.arrow(shown, edge, layout.ways[i], total));
        const weights = edges.map((edge, i) => weight(shown, edge, layout.ways[i]));
        const boxes = rows.map((row, i) => this.node(shown, row, sizes[i], /** @type {Point} */ (layout.places.get(row.key))));
        const head = svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: 'userSpaceOnUse', orient: 'auto' }, svg('path', { d: 'M0,0 L8,4 L0,8 z', class: 'head' }));
        this.picture = svg('svg', { viewBox: `${-margin} ${-margin} ${width} ${height}`, role: 'group', 'aria-label': 'Call graph' }, svg('defs', {}, head), ...lines, ...weights, ...boxes);
        this.size = { width, height };
        if (this.scale === 0) {
            const fitting = this.holder.clientWidth / width;
            this.scale = Math.max(0.65, Math.min(1, fitting || 1));
        }
        this.resize();
        fill(this.holder, this.picture);
        const first = Math.min(...[...layout.places.values()].map((place) => place.y));
        const roots = [...layout.places.values()].filter((place) => place.y === first);
        const middle = roots.reduce((sum, place) => sum + place.x, 0) / roots.length + margin;
        this.holder.scrollTo(middle * this.scale - this.holder.clientWidth / 2, 0);
    }

    /**
     * @param {Shown} shown
     * @param {Edge} edge
     * @param {Point[]} way
     * @param {number} total
     */
    arrow(shown, edge, way, total) {
        const { names } = shown.keys;
        const share = Math.abs(edge.value) / total;
        let path = `M${way[0].x},${way[0].y}`;
        for (let i = 1; i < way.length; i++) {
            const [from, to] = [way[i - 1], way[i]];
            const middle = (from.y + to.y) / 2;
            path += ` C${from.x},${middle} ${to.x},${middle} ${to.x},${to.y}`;
        }
        const text = change(edge.value, shown.unit, shown.difference);
        return svg('path', { d: path, class: `edge${edge.residual ? ' residual' : ''}`, 'stroke-width': (1 + 5 * share).toFixed(1), 'marker-end': 'url(#arrow)' },
            svg('title', {}, `${names[edge.caller]} → ${names[edge.callee]}: ${text}, ${percentage(edge.value, total)}`));
    }

    /**
     * @param {Shown} shown
     * @param {Row} row
     * @param {{ width: number, height: number }} own
     * @param {Point} place
     */
    node(shown, row, own, place) {
        const { app } = this;
        const { difference, metric } = shown;
        const name = app.session.info(shown.keys, row.key).name || row.name;
        const noise = metric.sampled && isNoise(row.cum);
        const colour = difference ? changeColour(row.cum.value / (Math.abs(metric.total) || 1), noise) : kindColour(app.session.kind(shown.keys, row.key), row.name);
        const menu = (/** @type {number} */ x, /** @type {number} */ y) => openMenu(actionsOf(app, name, null), x, y);
        const texts = textsOf(shown, row);
        const line = own.height / (texts.length + 0.6);
        const box = svg('rect', { x: place.x - own.width / 2, y: place.y - own.height / 2, width: own.width, height: own.height, rx: 6, class: noise ? 'node noise' : 'node' });
        box.style.fill = colour;
        const found = shown.search?.keys[row.key] === 0;
        const node = svg('g', { tabindex: 0, role: 'button', class: found ? 'faded' : null }, box,
            ...texts.map((text, i) => svg('text', { x: place.x, y: place.y - own.height / 2 + line * (i + 1), class: i === 0 ? 'name' : 'value', 'font-size': i === 0 ? Math.min(line * 0.8, 17) : Math.min(line * 0.7, 13) }, text)),
            svg('title', {}, `${row.name} ${texts.slice(1).join(' ')}`));
        node.addEventListener('click', (event) => menu(event.clientX, event.clientY));
        node.addEventListener('keydown', (event) => {
            if (event.key === 'Enter') {
                const bounds = node.getBoundingClientRect();
                menu(bounds.left, bounds.bottom);
                event.preventDefault();
                event.stopPropagation();
            }
        });
        return node;
    }

    resize() {
        if (this.picture && this.size) {
            this.picture.setAttribute('width', String(Math.round(this.size.width * this.scale)));
            this.picture.setAttribute('height', String(Math.round(this.size.height * this.scale)));
        }
    }

    /**
     * @param {number} factor
     * @param {number} x in the holder, what stays where it is
     * @param {number} y
     */
    zoom(factor, x, y) {
        const before = this.scale;
        this.scale = Math.max(0.1, Math.min(4, before * factor));
        this.resize();
        const grown = this.scale / before;
        this.holder.scrollLeft = (this.holder.scrollLeft + x) * grown - x;
        this.holder.scrollTop = (this.holder.scrollTop + y) * grown - y;
    }

    /** @param {WheelEvent} event */
    wheel(event) {
        if (event.ctrlKey) {
            const bounds = this.holder.getBoundingClientRect();
            this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX - bounds.left, event.clientY - bounds.top);
            event.preventDefault();
        }
    }

    /** @param {KeyboardEvent} event */
    key(event) {
        const factor = { '+': 1.25, '=': 1.25, '-': 0.8 }[event.key];
        if (factor) {
            this.zoom(factor, this.holder.clientWidth / 2, this.holder.clientHeight / 2);
            event.preventDefault();
        }
    }

    /** @param {PointerEvent} event */
    drag(event) {
        if (event.pointerType !== 'mouse' || event.button !== 0) {
            return;
        }
        const { holder } = this;
        const start = { x: event.clientX + holder.scrollLeft, y: event.clientY + holder.scrollTop };
        const move = (/** @type {PointerEvent} */ now) => {
            holder.scrollLeft = start.x - now.clientX;
            holder.scrollTop = start.y - now.clientY;
        };
        addEventListener('pointermove', move);
        addEventListener('pointerup', () => removeEventListener('pointermove', move), { once: true });
    }

    focus() {
        this.holder.focus({ preventScroll: true });
    }
}

/**
 * What a call holds, beside its arrow and over all arrows.
 *
 * @param {Shown} shown
 * @param {Edge} edge
 * @param {Point[]} way
 */
function weight({ unit, difference }, edge, [from, to]) {
    return svg('text', { class: 'weight', x: (from.x + to.x) / 2 + 4, y: (from.y + to.y) / 2 }, change(edge.value, unit, difference));
}

/**
 * The lines in a box: the name, and what the function holds.
 *
 * @param {Shown} shown
 * @param {Row} row
 */
function textsOf({ unit, difference, metric }, row) {
    const value = (/** @type {number} */ number) => `${change(number, unit, difference)} (${percentage(number, metric.total)})`;
    const name = boxName(row.name, LETTERS);
    return row.flat.value === 0 ? [name, value(row.cum.value)] : [name, value(row.flat.value), `of ${value(row.cum.value)}`];
}

/**
 * The larger what a function holds itself, the larger its box.
 *
 * @param {Row} row
 * @param {string[]} texts
 * @param {number} total
 */
function size(row, [name, ...values], total) {
    const share = total === 0 ? 0 : Math.min(1, Math.abs(row.flat.value / total));
    const scale = 1 + 0.5 * Math.sqrt(share);
    const letters = Math.max(...values.map((text) => text.length));
    return { width: Math.max(120, name.length * 7.9 + 22, letters * 7.2 + 18) * scale, height: (row.flat.value === 0 ? 44 : 60) * scale };
}
