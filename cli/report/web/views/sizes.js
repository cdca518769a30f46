// How large the blocks are.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */

import { amount, change, grouped, percentage } from '../text/units.js';
import { button, el, fill } from '../parts/dom.js';

/** @typedef {{ from: number, to: number, blocks: number, value: number }} Bin */

export class SizesView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.lead = el('div', { class: 'way' });
        this.holder = el('div', { class: 'scroller sizes', tabindex: '0', role: 'region', 'aria-label': 'Sizes of blocks' });
        this.element = el('div', { class: 'picture' }, this.lead, this.holder);
    }

    /** @param {Shown} shown */
    update(shown) {
        const bins = binsOf(this.app, shown);
        if (bins.length === 0) {
            fill(this.lead);
            fill(this.holder, el('p', { class: 'hint' }, 'This profile does not tell the sizes of blocks, or none are left: its samples would have a label “bytes”, as those of heaptrace and of Go’s heap profiles have.'));
            return;
        }
        const { unit, difference, metric } = shown;
        const most = Math.max(1, ...bins.map((bin) => Math.abs(bin.value)));
        fill(this.lead, el('span', {}, `${this.app.profile.is.types[shown.type].name} by the size of a block. Click a row to see only its stacks.`));
        const rows = bins.map((bin) => {
            const bar = el('span', { class: `bar${bin.value < 0 ? ' less' : ''}` });
            bar.style.width = `${(Math.abs(bin.value) / most) * 100}%`;
            const label = `${amount(bin.from, 'bytes')} to ${amount(bin.to, 'bytes')}`;
            const filter = () => this.app.go({ view: 'flamegraph', tf: `bytes=${bin.from}b:${bin.to}b`, z: '' });
            return el('tr', {},
                el('th', { scope: 'row' }, button(label, filter, { class: 'link', title: 'Only stacks with blocks of this size' })),
                el('td', {}, change(bin.value, unit, difference)),
                el('td', { class: 'share' }, percentage(bin.value, metric.total)),
                el('td', { class: 'share' }, bin.blocks !== 0 && unit === 'bytes' && grouped(bin.blocks)),
                el('td', { class: 'line' }, bin.value !== 0 && bar));
        });
        fill(this.holder, el('table', {}, el('thead', {}, el('tr', {},
            el('th', { scope: 'col' }, 'Size of a block'), el('th', { scope: 'col' }, 'Held'), el('th', { scope: 'col' }, '%'), el(unit === 'bytes' ? 'th' : 'td', {}, unit === 'bytes' ? 'Blocks' : ''), el('td'))), el('tbody', {}, ...rows)));
    }

    focus() {
        this.holder.focus({ preventScroll: true });
    }
}

/**
 * Sums by the powers of two that sizes are between.
 *
 * @param {App} app
 * @param {Shown} shown
 * @returns {Bin[]}
 */
function binsOf(app, shown) {
    const { is, rows } = app.profile;
    const sizes = is.labels.map((labels) => labels.find((label) => label.key === 'bytes' && label.number !== null)?.number ?? 0);
    const { name } = is.types[shown.type];
    const objects = is.types.findIndex((type) => type.name === name.replace(/_space$/, '_objects'));
    /** @type {Map<number, Bin>} */
    const bins = new Map();
    rows.labels.forEach((labels, row) => {
        const size = sizes[labels];
        const value = rows.values[shown.type][row];
        if (size <= 0 || value === 0 || shown.calls.ofRow[row] <= 0) {
            return;
        }
        const power = Math.max(3, Math.ceil(Math.log2(size)));
        const bin = bins.get(power) ?? { from: power === 3 ? 1 : 2 ** (power - 1) + 1, to: 2 ** power, blocks: 0, value: 0 };
        bin.value += value;
        bin.blocks += objects >= 0 ? rows.values[objects][row] : 0;
        bins.set(power, bin);
    });
    const powers = [...bins.keys()];
    // Sizes that nobody asked for are between those that somebody did.
    for (let power = Math.min(...powers); power < Math.max(...powers); power++) {
        if (!bins.has(power)) {
            bins.set(power, { from: power === 3 ? 1 : 2 ** (power - 1) + 1, to: 2 ** power, blocks: 0, value: 0 });
        }
    }
    return [...bins.entries()].sort(([a], [b]) => a - b).map(([, bin]) => bin);
}
