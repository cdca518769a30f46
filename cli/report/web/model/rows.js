// The table: what each function, file or line holds itself, and with what it calls.

/** @import { Calls } from './calls.js' */
/** @import { Metric } from './sums.js' */

/** @typedef {{ value: number, samples: number, variance: number }} Estimate */
/** @typedef {{ key: number, name: string, flat: Estimate, cum: Estimate }} Row */
/** @typedef {'flat' | 'cum' | 'name' | 'samples'} Column */

/**
 * The rows that hold something, in the order of the keys.
 *
 * @param {Calls} calls
 * @param {Metric} metric
 * @returns {Row[]}
 */
export function rowsOf(calls, metric) {
    const { key, first, next, parent, keys } = calls;
    const count = keys.names.length;
    const [flat, cum] = [new Table(count), new Table(count)];
    const open = new Int32Array(count);
    // Down and up through the tree: what calls itself counts once.
    for (let node = first[0]; node > 0; ) {
        flat.add(key[node], metric.self, node);
        if (open[key[node]]++ === 0) {
            cum.add(key[node], metric.totals, node);
        }
        if (first[node] > 0) {
            node = first[node];
            continue;
        }
        while (node > 0 && next[node] === 0) {
            open[key[node]]--;
            node = parent[node];
        }
        if (node > 0) {
            open[key[node]]--;
            node = next[node];
        }
    }
    const rows = [];
    for (let i = 0; i < count; i++) {
        if (flat.value[i] !== 0 || cum.value[i] !== 0) {
            rows.push({ key: i, name: keys.names[i], flat: flat.at(i), cum: cum.at(i) });
        }
    }
    return rows;
}

/** Sums of estimates by key. */
class Table {
    /** @param {number} count */
    constructor(count) {
        this.value = new Float64Array(count);
        this.samples = new Float64Array(count);
        this.variance = new Float64Array(count);
    }

    /**
     * @param {number} key
     * @param {import('./sums.js').Sums} sums
     * @param {number} node
     */
    add(key, sums, node) {
        this.value[key] += sums.value[node];
        this.samples[key] += sums.samples[node];
        this.variance[key] += sums.variance[node];
    }

    /**
     * @param {number} key
     * @returns {Estimate}
     */
    at(key) {
        return { value: this.value[key], samples: this.samples[key], variance: this.variance[key] };
    }
}

/**
 * Orders rows as `report` does: the largest first, those with the same flat value by cum, then by name.
 *
 * @param {Row[]} rows
 * @param {Column} by
 * @param {boolean} upwards
 */
export function sortRows(rows, by, upwards) {
    const size = (/** @type {Estimate} */ one) => Math.abs(one.value);
    const names = (/** @type {Row} */ a, /** @type {Row} */ b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    /** @type {Record<Column, (a: Row, b: Row) => number>} */
    const orders = {
        flat: (a, b) => size(b.flat) - size(a.flat) || size(b.cum) - size(a.cum) || names(a, b),
        cum: (a, b) => size(b.cum) - size(a.cum) || names(a, b) || size(b.flat) - size(a.flat),
        samples: (a, b) => b.flat.samples - a.flat.samples || b.cum.samples - a.cum.samples || names(a, b),
        name: (a, b) => -names(a, b),
    };
    rows.sort(orders[by]);
    if (upwards) {
        rows.reverse();
    }
}
