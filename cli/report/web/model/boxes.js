// Boxes of a flame graph, made when they are asked for: a box is the nodes that it stands for.
//
// Downwards, the boxes below one are the callees of its nodes; upwards, their callers, to each of which
// goes what the node holds that the walk began at. Callees of all calls of a function are the boxes
// below all of its nodes, so one rule makes flame graph, sandwich and bottom-up view.

/** @import { Calls } from './calls.js' */
/** @import { Metric, Sums } from './sums.js' */

import { callerOf, eachCallee } from './tree.js';

/**
 * @typedef {object} Box
 * @property {number} key what it stands for; −1: all, −2: where threads and programs start
 * @property {string} name
 * @property {Box | null} parent
 * @property {number} depth
 * @property {Int32Array} nodes those of this box from `from` to before `to`
 * @property {Int32Array | null} origins upwards, where the walk to each node began
 * @property {number} from
 * @property {number} to
 * @property {number} value
 * @property {number} width
 * @property {number} samples
 * @property {number} variance
 * @property {Box[] | null} below those below it, once they are known
 */

export const ALL = -1;
export const START = -2;

const ROOT = Int32Array.of(0);

export class Boxes {
    /**
     * @param {Calls} calls
     * @param {Metric} metric
     * @param {Set<number> | null} folded nodes of the start of programs, which are one box
     */
    constructor(calls, metric, folded) {
        this.calls = calls;
        this.metric = metric;
        this.folded = folded;
        /** For each key its group in the groups that are made now. */
        this.groups = new Int32Array(calls.keys.names.length);
    }

    /** The tree from the roots on. */
    fromRoots() {
        return this.box(ALL, 'all', null, ROOT, null, this.metric.totals);
    }

    /** The tree from the innermost frames on. */
    fromLeaves() {
        const root = this.box(ALL, 'all', null, ROOT, null, this.metric.totals);
        const { self } = this.metric;
        const leaves = this.calls.start.subarray(1).map((end) => end - 1).filter((_, run) => holds(self, run));
        root.below = this.grouped(root, leaves, leaves, this.metric.self);
        return root;
    }

    /**
     * What these nodes call.
     *
     * @param {string} name
     * @param {Int32Array} nodes none below another
     */
    callees(name, nodes) {
        return this.box(this.calls.key[nodes[0]] ?? ALL, name, null, nodes, null, this.metric.totals);
    }

    /**
     * Who calls these nodes.
     *
     * @param {string} name
     * @param {Int32Array} nodes none below another
     */
    callers(name, nodes) {
        const box = this.callees(name, nodes);
        box.origins = nodes;
        return box;
    }

    /**
     * The boxes below one, the widest first.
     *
     * @param {Box} box
     * @returns {Box[]}
     */
    below(box) {
        box.below ??= box.origins ? this.above(box, box.origins) : this.calleesOf(box);
        return box.below;
    }

    /** @param {Box} box */
    calleesOf(box) {
        /** @type {number[]} */
        const found = [];
        /** @type {number[]} */
        const starts = [];
        const collect = (/** @type {number} */ callee) => {
            if (!this.folded?.has(callee)) {
                found.push(callee);
            } else if (box.key === START) {
                eachCallee(this.calls, callee, collect);
            } else {
                starts.push(callee);
            }
        };
        for (let i = box.from; i < box.to; i++) {
            eachCallee(this.calls, box.nodes[i], collect);
        }
        const boxes = this.grouped(box, Int32Array.from(found), null, this.metric.totals);
        if (starts.length === 0) {
            return boxes;
        }
        const start = this.box(START, 'start of the program', box, Int32Array.from(starts), null, this.metric.totals);
        return [start, ...boxes].sort(byWidth);
    }

    /**
     * @param {Box} box
     * @param {Int32Array} origins
     */
    above(box, origins) {
        const callers = new Int32Array(box.to - box.from);
        const kept = new Int32Array(box.to - box.from);
        let count = 0;
        for (let i = box.from; i < box.to; i++) {
            const caller = callerOf(this.calls, box.nodes[i]);
            if (caller > 0) {
                callers[count] = caller;
                kept[count++] = origins[i];
            }
        }
        const sums = box.depth === 0 || this.ofTotals(box) ? this.metric.totals : this.metric.self;
        return this.grouped(box, callers.subarray(0, count), kept.subarray(0, count), sums);
    }

    /**
     * Whether a walk upwards began at nodes with what they call.
     *
     * @param {Box} box
     */
    ofTotals(box) {
        return rootOf(box).key !== ALL;
    }

    /**
     * Boxes of nodes by their key, the widest first.
     *
     * @param {Box} parent
     * @param {Int32Array} nodes
     * @param {Int32Array | null} origins
     * @param {Sums} sums
     */
    grouped(parent, nodes, origins, sums) {
        const { calls } = this;
        const { key, run } = calls;
        const from = origins ?? nodes;
        /** @type {number[]} */
        const keys = [];
        const groupOf = new Int32Array(nodes.length);
        for (let i = 0; i < nodes.length; i++) {
            if (holds(sums, run[from[i]])) {
                const own = key[nodes[i]];
                // What was left here by others is another key's.
                if (keys[this.groups[own]] !== own) {
                    this.groups[own] = keys.length;
                    keys.push(own);
                }
                groupOf[i] = this.groups[own] + 1;
            }
        }
        const ends = endsOf(groupOf, keys.length);
        const ordered = inOrder(groupOf, ends, nodes);
        const orderedOrigins = origins === nodes ? ordered : origins && inOrder(groupOf, ends, origins);
        const boxes = keys.map((own, i) => this.box(own, calls.keys.names[own], parent, ordered, orderedOrigins, sums, ends[i], ends[i + 1]));
        return boxes.sort(byWidth);
    }

    /**
     * @param {number} key
     * @param {string} name
     * @param {Box | null} parent
     * @param {Int32Array} nodes
     * @param {Int32Array | null} origins
     * @param {Sums} sums
     * @param {number} [from]
     * @param {number} [to]
     * @returns {Box}
     */
    box(key, name, parent, nodes, origins, sums, from = 0, to = nodes.length) {
        const { run } = this.calls;
        const holders = origins ?? nodes;
        let [value, width, samples, variance] = [0, 0, 0, 0];
        for (let i = from; i < to; i++) {
            const own = run[holders[i]];
            value += sums.value[own];
            width += sums.width[own];
            samples += sums.samples[own];
            variance += sums.variance[own];
        }
        const depth = parent ? parent.depth + 1 : 0;
        return { key, name, parent, depth, nodes, origins, from, to, value, width, samples, variance, below: null };
    }
}

/**
 * Where the nodes of each group end once they are in order, and before that of the first: 0.
 *
 * @param {Int32Array} groupOf for each node its group, from 1 on; 0: none
 * @param {number} count of groups
 */
function endsOf(groupOf, count) {
    const ends = new Int32Array(count + 1);
    for (const group of groupOf) {
        ends[group]++;
    }
    ends[0] = 0;
    for (let group = 1; group <= count; group++) {
        ends[group] += ends[group - 1];
    }
    return ends;
}

/**
 * Nodes with those of each group together.
 *
 * @param {Int32Array} groupOf
 * @param {Int32Array} ends
 * @param {Int32Array} nodes
 */
function inOrder(groupOf, ends, nodes) {
    const places = ends.slice();
    const ordered = new Int32Array(ends[ends.length - 1]);
    for (let i = 0; i < nodes.length; i++) {
        if (groupOf[i] > 0) {
            ordered[places[groupOf[i] - 1]++] = nodes[i];
        }
    }
    return ordered;
}

/**
 * @param {Sums} sums
 * @param {number} run
 */
function holds(sums, run) {
    return sums.width[run] > 0 || sums.samples[run] > 0;
}

/**
 * @param {Box} a
 * @param {Box} b
 */
function byWidth(a, b) {
    return b.width - a.width || a.key - b.key;
}

/**
 * The boxes from the outermost to this one.
 *
 * @param {Box} box
 */
export function pathOf(box) {
    const path = [];
    for (let at = /** @type {Box | null} */ (box); at; at = at.parent) {
        path.unshift(at);
    }
    return path;
}

/** @param {Box} box */
export function rootOf(box) {
    while (box.parent) {
        box = box.parent;
    }
    return box;
}

/**
 * The nodes of some keys that hold something and are not below another one of these.
 *
 * @param {Calls} calls
 * @param {Metric} metric
 * @param {Uint8Array} keys for each key whether it is one
 */
export function outermost(calls, metric, keys) {
    const { count, key, start, parent } = calls;
    const within = new Uint8Array(count);
    const found = [];
    for (let run = 1; run < count; run++) {
        within[run] = within[parent[run]];
        for (let node = start[run]; node < start[run + 1] && within[run] === 0; node++) {
            if (keys[key[node]] === 1) {
                within[run] = 1;
                holds(metric.totals, run) && found.push(node);
            }
        }
    }
    return Int32Array.from(found);
}
