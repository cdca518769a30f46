// The tree of calls as the filters show it: boxes of one caller that stand for the same are one.

/** @import { Profile } from '../data/profile.js' */
/** @import { Filters } from './filters.js' */
/** @import { Keys } from './keys.js' */
/** @import { State } from './state.js' */

/**
 * Nodes are numbered from 1, each behind its caller; node 0 is around all.
 *
 * @typedef {object} Calls
 * @property {Keys} keys
 * @property {number} count of nodes, with that around all
 * @property {Int32Array} parent
 * @property {Int32Array} key
 * @property {Int32Array} first the first callee of each, 0 if there is none
 * @property {Int32Array} next the next callee of the same caller
 * @property {Int32Array} ofRow for each sample its node, -1 if it is left out
 */

/**
 * @param {Profile} profile
 * @param {Keys} keys
 * @param {Filters} filters
 * @param {State} state
 * @returns {Calls}
 */
export function callsOf(profile, keys, filters, state) {
    const { parent, frame } = profile;
    const isLeftIn = stacksLeftIn(profile, filters);
    const merged = new Merged(parent.length, keys);
    const place = new Int32Array(parent.length);
    const isFrom = filters.showFrom;
    const kinds = profile.frames.kind;
    for (let node = 1; node < parent.length; node++) {
        const own = frame[node];
        const caller = place[parent[node]];
        const isOutside = isFrom !== null && caller === 0 && isFrom[own] === 0;
        if (filters.hidden[own] || isOutside) {
            place[node] = caller;
        } else if (state.lib && caller > 0 && kinds[own] >> 1 !== 0 && merged.isForeign(caller, kinds)) {
            place[node] = caller;
        } else {
            place[node] = merged.callee(caller, keys.ofFrame[own], own, state.rec);
        }
    }
    pruneFrom(profile, filters, place);
    return merged.calls(rowNodes(profile, filters, isLeftIn, place));
}

/**
 * For each node whether stacks that end there are left in: a frame in focus, none that is ignored.
 *
 * @param {Profile} profile
 * @param {Filters} filters
 */
function stacksLeftIn(profile, filters) {
    const { parent, frame } = profile;
    const { focus, ignore } = filters;
    if (!focus && !ignore) {
        return null;
    }
    const isIn = new Uint8Array(parent.length);
    const isIgnored = new Uint8Array(parent.length);
    isIn[0] = focus ? 0 : 1;
    for (let node = 1; node < parent.length; node++) {
        isIn[node] = isIn[parent[node]] | (focus ? focus[frame[node]] : 0);
        isIgnored[node] = isIgnored[parent[node]] | (ignore ? ignore[frame[node]] : 0);
    }
    return isIn.map((value, node) => value & ~isIgnored[node]);
}

/**
 * Moves each node up to the innermost of its callers that frames are pruned from.
 *
 * @param {Profile} profile
 * @param {Filters} filters
 * @param {Int32Array} place
 */
function pruneFrom(profile, filters, place) {
    const mask = filters.pruneFrom;
    if (!mask) {
        return;
    }
    const above = new Int32Array(place.length);
    for (let node = 1; node < place.length; node++) {
        const own = profile.frame[node];
        const isMatch = mask[own] && !filters.hidden[own];
        above[node] = isMatch ? place[node] : above[profile.parent[node]];
        if (above[node] > 0) {
            place[node] = above[node];
        }
    }
}

/**
 * For each sample its node. Stacks of which nothing is left have none.
 *
 * @param {Profile} profile
 * @param {Filters} filters
 * @param {Uint8Array | null} isLeftIn
 * @param {Int32Array} place
 */
function rowNodes(profile, filters, isLeftIn, place) {
    const { node, labels } = profile.rows;
    return node.map((own, row) => {
        const isIn = (isLeftIn === null || isLeftIn[own] === 1) && (filters.labels === null || filters.labels[labels[row]] === 1);
        return isIn && place[own] > 0 ? place[own] : -1;
    });
}

/** The tree in the making. Its table of callees is open addressing: a Map of a million takes a second. */
class Merged {
    /**
     * @param {number} limit most nodes
     * @param {Keys} keys
     */
    constructor(limit, keys) {
        this.keys = keys;
        this.count = 1;
        this.parent = new Int32Array(limit);
        this.key = new Int32Array(limit);
        this.frame = new Int32Array(limit);
        this.parent[0] = -1;
        this.key[0] = -1;
        const size = 2 ** Math.ceil(Math.log2(limit * 2 + 2));
        this.mask = size - 1;
        this.table = new Int32Array(size);
    }

    /**
     * Whether a node is of no own code.
     *
     * @param {number} node
     * @param {Float64Array} kinds
     */
    isForeign(node, kinds) {
        return kinds[this.frame[node]] >> 1 !== 0;
    }

    /**
     * The callee of a node, which is added if it is new.
     *
     * @param {number} caller
     * @param {number} key
     * @param {number} frame
     * @param {boolean} collapses whether what calls itself is one box
     */
    callee(caller, key, frame, collapses) {
        if (collapses) {
            for (let above = caller; above > 0; above = this.parent[above]) {
                if (this.key[above] === key) {
                    return above;
                }
            }
        }
        let slot = (Math.imul(caller, 0x9e3779b1) ^ Math.imul(key, 0x85ebca6b)) >>> 0;
        slot = (slot ^ (slot >>> 15)) & this.mask;
        for (; this.table[slot] !== 0; slot = (slot + 1) & this.mask) {
            const node = this.table[slot];
            if (this.parent[node] === caller && this.key[node] === key) {
                return node;
            }
        }
        const node = this.count++;
        this.table[slot] = node;
        this.parent[node] = caller;
        this.key[node] = key;
        this.frame[node] = frame;
        return node;
    }

    /**
     * @param {Int32Array} ofRow
     * @returns {Calls}
     */
    calls(ofRow) {
        const { count, keys } = this;
        const parent = this.parent.slice(0, count);
        const first = new Int32Array(count);
        const next = new Int32Array(count);
        for (let node = count - 1; node > 0; node--) {
            next[node] = first[parent[node]];
            first[parent[node]] = node;
        }
        return { keys, count, parent, key: this.key.slice(0, count), first, next, ofRow };
    }
}
