// From a state to what views show, each step made once and kept while it is the same.

/** @import { Profile } from '../data/profile.js' */
/** @import { State } from './state.js' */
/** @import { Calls } from './calls.js' */
/** @import { Keys, Granularity } from './keys.js' */
/** @import { Filters } from './filters.js' */
/** @import { Metric } from './sums.js' */
/** @import { Column } from './rows.js' */
/** @import { Sorted } from './sorted.js' */

import { frameInfo } from '../data/frame.js';
import { escaped, pattern } from '../text/pattern.js';
import { callsOf } from './calls.js';
import { filtersOf } from './filters.js';
import { treeOf } from './growing.js';
import { keysOf } from './keys.js';
import { Rows } from './rows.js';
import { metricOf } from './sums.js';

/**
 * What is shown.
 *
 * @typedef {object} Shown
 * @property {State} state
 * @property {number} type index of the sample type
 * @property {string} unit
 * @property {boolean} difference
 * @property {Keys} keys
 * @property {Filters} filters
 * @property {Calls} calls
 * @property {Metric} metric
 * @property {Search | null} search
 */

/**
 * @typedef {object} Search
 * @property {Uint8Array} keys for each key whether it matches
 * @property {number} count
 * @property {string} wrong why the expression is none
 */

/** Steps that are kept. */
const KEPT = 16;

export class Session {
    /** @param {Profile} profile */
    constructor(profile) {
        this.profile = profile;
        /** @type {Map<string, unknown>} */
        this.kept = new Map();
    }

    /**
     * @param {State} state
     * @returns {Shown}
     */
    shown(state) {
        const type = this.typeOf(state.si);
        const filters = this.filters(state);
        const calls = this.calls(state);
        const metric = this.once(`metric ${type} ${state.rel} ${calls_(state)}`, () =>
            metricOf(this.profile, calls, type, state.rel),
        );
        // What takes longest to make is used last, and so kept longest.
        this.tree(state);
        const keys = this.keys(state);
        const { unit } = this.profile.is.types[type];
        const search = this.search(state.q, keys, granularityOf(state));
        return { state, type, unit, difference: this.profile.is.difference, keys, filters, calls, metric, search };
    }

    /** @param {State} state */
    keys(state) {
        const granularity = granularityOf(state);
        return this.once(`keys ${granularity}`, () => keysOf(this.profile, granularity));
    }

    /** @param {State} state */
    filters(state) {
        return this.once(`filters ${filters_(state)}`, () => filtersOf(this.profile, state));
    }

    /** @param {State} state */
    calls(state) {
        return this.once(`calls ${calls_(state)}`, () => callsOf(this.profile, this.tree(state), this.filters(state)));
    }

    /** @param {State} state */
    tree(state) {
        return this.once(`tree ${tree_(state)}`, () => treeOf(this.profile, this.keys(state), this.filters(state), state));
    }

    /**
     * The rows of the table.
     *
     * @param {Shown} shown
     */
    rows(shown) {
        const { state, type } = shown;
        return this.once(`rows ${type} ${calls_(state)}`, () => new Rows(shown.calls, shown.metric));
    }

    /**
     * The keys of the rows of the table in an order.
     *
     * @param {Shown} shown
     * @param {Column} by
     * @returns {Sorted}
     */
    sorted(shown, by) {
        const { state, type } = shown;
        return this.once(`rows ${type} ${calls_(state)} by ${by}`, () => this.rows(shown).sorted(by));
    }

    /**
     * The largest rows in an order.
     *
     * @param {Shown} shown
     * @param {Column} by
     * @param {number} count
     */
    largest(shown, by, count) {
        const rows = this.rows(shown);
        return this.sorted(shown, by).slice(0, count).map((key) => rows.row(key));
    }

    /**
     * The index of the sample type called that; the default if there is none.
     *
     * @param {string} name
     */
    typeOf(name) {
        const { types, default_type: otherwise } = this.profile.is;
        const index = types.findIndex((type) => type.name === name);
        const byNumber = name !== '' && Number.isInteger(Number(name)) && Number(name) < types.length ? Number(name) : -1;
        return index >= 0 ? index : byNumber >= 0 ? byNumber : otherwise;
    }

    /**
     * @param {string} source
     * @param {Keys} keys
     * @param {Granularity} granularity
     * @returns {Search | null}
     */
    search(source, keys, granularity) {
        if (source === '') {
            return null;
        }
        return this.once(`search ${granularity} ${source}`, () => {
            const regex = pattern(source);
            if (typeof regex === 'string') {
                return { keys: new Uint8Array(keys.names.length), count: 0, wrong: regex };
            }
            const found = Uint8Array.from(keys.names, (name) => Number(regex.test(name)));
            return { keys: found, count: found.reduce((sum, one) => sum + one, 0), wrong: '' };
        });
    }

    /**
     * For each key whether `p` matches it.
     *
     * @param {Shown} shown
     * @returns {Uint8Array}
     */
    pivots(shown) {
        const { p } = shown.state;
        const { names } = shown.keys;
        const found = new Uint8Array(names.length);
        // Mostly it is one name, which is found sooner than what an expression matches.
        const name = p.slice(1, -1).replace(/\\(.)/g, '$1');
        const regex = p === '' || exactly(name) === p ? '' : pattern(p);
        const matches = typeof regex === 'string' ? (/** @type {string} */ one) => regex === '' && p !== '' && one === name : (/** @type {string} */ one) => regex.test(one);
        for (let key = 0; key < names.length; key++) {
            found[key] = matches(names[key]) ? 1 : 0;
        }
        return found;
    }

    /**
     * Whose code a key is: an index into KINDS.
     *
     * @param {Keys} keys
     * @param {number} key
     */
    kind(keys, key) {
        return key < 0 ? 3 : this.profile.frames.kind[keys.frames[key]] >> 1;
    }

    /**
     * @param {Keys} keys
     * @param {number} key
     */
    info(keys, key) {
        return frameInfo(this.profile, keys.frames[key]);
    }

    /**
     * @template T
     * @param {string} name
     * @param {() => T} make
     * @returns {T}
     */
    once(name, make) {
        let found = /** @type {T | undefined} */ (this.kept.get(name));
        if (found === undefined) {
            found = make();
        }
        // The one used last is the last to go.
        this.kept.delete(name);
        this.kept.set(name, found);
        for (const oldest of this.kept.keys()) {
            if (this.kept.size <= KEPT) {
                break;
            }
            this.kept.delete(oldest);
        }
        return found;
    }
}

/**
 * What boxes stand for.
 *
 * @param {State} state
 * @returns {Granularity}
 */
export function granularityOf(state) {
    return state.g === '' ? (state.own && state.view === 'top' ? 'lines' : 'functions') : state.g;
}

/**
 * An expression that matches this name and no other.
 *
 * @param {string} name
 */
export function exactly(name) {
    return `^${escaped(name)}$`;
}

/** @param {State} state */
function filters_(state) {
    const { f, i, h, s, sf, prunefrom, tf, ti, own, noinlines } = state;
    return JSON.stringify([f, i, h, s, sf, prunefrom, tf, ti, own, noinlines]);
}

/**
 * What the shape of the tree depends on: other filters only leave samples out.
 *
 * @param {State} state
 */
function tree_(state) {
    const { rec, lib, h, s, sf, prunefrom, own, noinlines } = state;
    return JSON.stringify([granularityOf(state), rec, lib, h, s, sf, prunefrom, own, noinlines]);
}

/** @param {State} state */
function calls_(state) {
    return `${tree_(state)} ${filters_(state)}`;
}
