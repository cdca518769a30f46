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
    const { self, totals } = metric;
    const none = () => ({ value: 0, samples: 0, variance: 0 });
    const rows = keys.names.map((name, i) => ({ key: i, name, flat: none(), cum: none() }));
    const open = new Int32Array(keys.names.length);
    // Down and up through the tree: what calls itself counts once.
    for (let node = first[0]; node > 0; ) {
        const row = rows[key[node]];
        add(row.flat, self, node);
        if (open[key[node]]++ === 0) {
            add(row.cum, totals, node);
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
    return rows.filter((row) => row.flat.value !== 0 || row.cum.value !== 0);
}

/**
 * @param {Estimate} estimate
 * @param {import('./sums.js').Sums} sums
 * @param {number} node
 */
function add(estimate, sums, node) {
    estimate.value += sums.value[node];
    estimate.samples += sums.samples[node];
    estimate.variance += sums.variance[node];
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
