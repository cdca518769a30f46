// The table: what each function, file or line holds itself, and with what it calls.

/** @import { Calls } from './calls.js' */
/** @import { Metric, Sums } from './sums.js' */

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
    const { names } = calls.keys;
    const flat = byKey(calls, metric, metric.self, addOwn);
    const cum = byKey(calls, metric, metric.totals, addAll);
    const rows = [];
    for (let key = 0; key < names.length; key++) {
        if (flat.value[key] !== 0 || cum.value[key] !== 0) {
            rows.push({ key, name: names[key], flat: estimate(flat, key), cum: estimate(cum, key) });
        }
    }
    return rows;
}

/**
 * Sums of estimates by key.
 *
 * @typedef {{ value: Float64Array, samples: Float64Array, variance: Float64Array }} Table
 */

/**
 * @param {Calls} calls
 * @param {Metric} metric
 * @param {Sums} sums
 * @param {(calls: Calls, sums: Float64Array, into: Float64Array) => void} add
 * @returns {Table}
 */
function byKey(calls, metric, sums, add) {
    const added = (/** @type {Float64Array} */ of) => {
        const into = new Float64Array(calls.keys.names.length);
        add(calls, of, into);
        return into;
    };
    const value = added(sums.value);
    if (metric.sampled) {
        return { value, samples: added(sums.samples), variance: added(sums.variance) };
    }
    const none = new Float64Array(value.length);
    return { value, samples: none, variance: none };
}

/**
 * Adds what runs have to the keys that they end with.
 *
 * @param {Calls} calls
 * @param {Float64Array} sums
 * @param {Float64Array} into
 */
function addOwn({ count, key, start }, sums, into) {
    for (let run = 1; run < count; run++) {
        into[key[start[run + 1] - 1]] += sums[run];
    }
}

/**
 * Adds what runs have to each key that they lead through; what calls itself counts once.
 *
 * @param {Calls} calls
 * @param {Float64Array} sums
 * @param {Float64Array} into
 */
function addAll({ count, key, start, recurs }, sums, into) {
    const isRecursion = recurs();
    for (let run = 1; run < count; run++) {
        const sum = sums[run];
        const end = sum === 0 ? 0 : start[run + 1];
        for (let node = start[run]; node < end; node++) {
            into[key[node]] += isRecursion[node] === 0 ? sum : 0;
        }
    }
}

/**
 * @param {Table} table
 * @param {number} key
 * @returns {Estimate}
 */
function estimate({ value, samples, variance }, key) {
    return { value: value[key], samples: samples[key], variance: variance[key] };
}

/**
 * The orders of `report`: the largest first, those with the same flat value by cum, then by name.
 *
 * @type {Record<Column, (a: Row, b: Row) => number>}
 */
export const ORDERS = {
    flat: (a, b) => size(b.flat) - size(a.flat) || size(b.cum) - size(a.cum) || names(a, b),
    cum: (a, b) => size(b.cum) - size(a.cum) || names(a, b) || size(b.flat) - size(a.flat),
    samples: (a, b) => b.flat.samples - a.flat.samples || b.cum.samples - a.cum.samples || names(a, b),
    name: (a, b) => -names(a, b),
};

/** @param {Estimate} one */
function size(one) {
    return Math.abs(one.value);
}

/**
 * @param {Row} a
 * @param {Row} b
 */
function names(a, b) {
    return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
