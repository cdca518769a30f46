// The table: what each function, file or line holds itself, and with what it calls.

/** @import { Calls } from './calls.js' */
/** @import { Metric, Sums } from './sums.js' */

/** @typedef {{ value: number, samples: number, variance: number }} Estimate */
/** @typedef {{ key: number, name: string, flat: Estimate, cum: Estimate }} Row */
/** @typedef {'flat' | 'cum' | 'name' | 'samples'} Column */

import { Sorted } from './sorted.js';

/** The rows that hold something: numbers by key, of which a row is made when it is looked at. */
export class Rows {
    /**
     * @param {Calls} calls
     * @param {Metric} metric
     */
    constructor(calls, metric) {
        this.names = calls.keys.names;
        this.flat = byKey(calls, metric, metric.self, addOwn);
        this.cum = byKey(calls, metric, metric.totals, addAll);
        const [flat, cum] = [this.flat.value, this.cum.value];
        /** In the order of the keys. */
        this.keys = Int32Array.from(flat, (_, key) => key).filter((key) => flat[key] !== 0 || cum[key] !== 0);
    }

    /**
     * @param {number} key
     * @returns {Row}
     */
    row(key) {
        return { key, name: this.names[key], flat: estimate(this.flat, key), cum: estimate(this.cum, key) };
    }

    /**
     * Some of the rows in an order.
     *
     * @param {Column} column
     * @param {{ keys?: Int32Array, upwards?: boolean }} [options]
     */
    sorted(column, { keys = this.keys, upwards = false } = {}) {
        const order = this.order(column);
        return new Sorted(keys, upwards ? (a, b) => order(b, a) : order);
    }

    /**
     * The orders of `report`: the largest first, those with the same flat value by cum, then by name.
     *
     * @param {Column} column
     * @returns {(a: number, b: number) => number} of two keys
     */
    order(column) {
        const flat = falling(this.flat.value);
        const cum = falling(this.cum.value);
        const samples = [this.flat.samples, this.cum.samples].map(falling);
        const { names } = this;
        const name = (/** @type {number} */ a, /** @type {number} */ b) => (names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : a - b);
        switch (column) {
            case 'flat':
                return (a, b) => flat(a, b) || cum(a, b) || name(a, b);
            case 'cum':
                return (a, b) => cum(a, b) || name(a, b);
            case 'samples':
                return (a, b) => samples[0](a, b) || samples[1](a, b) || name(a, b);
            case 'name':
                return name;
        }
    }
}

/**
 * @param {Float64Array} values
 * @returns {(a: number, b: number) => number}
 */
function falling(values) {
    return (a, b) => Math.abs(values[b]) - Math.abs(values[a]);
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
