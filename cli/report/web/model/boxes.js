// Boxes of a flame graph, made when they are asked for: a box is the nodes that it stands for.
//
// Downwards, the boxes below one are the callees of its nodes; upwards, their callers, to each of which
// goes what the node holds that the walk began at. Callees of all calls of a function are the boxes
// below all of its nodes, so one rule makes flame graph, sandwich and bottom-up view.

/** @import { Calls } from './calls.js' */
/** @import { Metric, Sums } from './sums.js' */

/**
 * @typedef {object} Box
 * @property {number} key what it stands for; −1: all, −2: where threads and programs start
 * @property {string} name
 * @property {Box | null} parent
 * @property {number} depth
 * @property {number[]} nodes
 * @property {number[] | null} origins upwards, where the walk to each node began
 * @property {number} value
 * @property {number} width
 * @property {number} samples
 * @property {number} variance
 * @property {Box[] | null} below those below it, once they are known
 */

export const ALL = -1;
export const START = -2;

export class Boxes {
    /**
     * @param {Calls} calls
     * @param {Metric} metric
     * @param {Uint8Array | null} folded nodes of the start of programs, which are one box
     */
    constructor(calls, metric, folded) {
        this.calls = calls;
        this.metric = metric;
        this.folded = folded;
    }

    /** The tree from the roots on. */
    fromRoots() {
        return this.box(ALL, 'all', null, [0], null, this.metric.totals);
    }

    /** The tree from the innermost frames on. */
    fromLeaves() {
        const { calls, metric } = this;
        const root = this.box(ALL, 'all', null, [0], null, metric.totals);
        const leaves = [];
        for (let node = 1; node < calls.count; node++) {
            if (metric.self.width[node] > 0 || metric.self.samples[node] > 0) {
                leaves.push(node);
            }
        }
        root.below = this.grouped(root, leaves, leaves, metric.self);
        return root;
    }

    /**
     * What these nodes call.
     *
     * @param {string} name
     * @param {number[]} nodes none below another
     */
    callees(name, nodes) {
        return this.box(this.calls.key[nodes[0]] ?? ALL, name, null, nodes, null, this.metric.totals);
    }

    /**
     * Who calls these nodes.
     *
     * @param {string} name
     * @param {number[]} nodes none below another
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
        box.below ??= box.origins ? this.above(box, box.nodes, box.origins) : this.calleesOf(box);
        return box.below;
    }

    /** @param {Box} box */
    calleesOf(box) {
        const { first, next } = this.calls;
        /** @type {number[]} */
        const found = [];
        /** @type {number[]} */
        const starts = [];
        const collect = (/** @type {number} */ node) => {
            for (let callee = first[node]; callee > 0; callee = next[callee]) {
                if (!this.folded?.[callee]) {
                    found.push(callee);
                } else if (box.key === START) {
                    collect(callee);
                } else {
                    starts.push(callee);
                }
            }
        };
        box.nodes.forEach(collect);
        const boxes = this.grouped(box, found, null, this.metric.totals);
        if (starts.length === 0) {
            return boxes;
        }
        const start = this.box(START, 'start of the program', box, starts, null, this.metric.totals);
        return [start, ...boxes].sort(byWidth);
    }

    /**
     * @param {Box} box
     * @param {number[]} nodes
     * @param {number[]} origins
     */
    above(box, nodes, origins) {
        const { parent } = this.calls;
        /** @type {number[]} */
        const callers = [];
        /** @type {number[]} */
        const kept = [];
        nodes.forEach((node, i) => {
            if (parent[node] > 0) {
                callers.push(parent[node]);
                kept.push(origins[i]);
            }
        });
        const sums = box.depth === 0 || this.ofTotals(box) ? this.metric.totals : this.metric.self;
        return this.grouped(box, callers, kept, sums);
    }

    /**
     * Whether a walk upwards began at nodes with what they call.
     *
     * @param {Box} box
     */
    ofTotals(box) {
        let root = box;
        while (root.parent) {
            root = root.parent;
        }
        return root.key !== ALL;
    }

    /**
     * Boxes of nodes by their key, the widest first.
     *
     * @param {Box} parent
     * @param {number[]} nodes
     * @param {number[] | null} origins
     * @param {Sums} sums
     */
    grouped(parent, nodes, origins, sums) {
        const { key } = this.calls;
        /** @type {Map<number, Box>} */
        const boxes = new Map();
        for (let i = 0; i < nodes.length; i++) {
            const node = nodes[i];
            const from = origins ? origins[i] : node;
            if (sums.width[from] === 0 && sums.samples[from] === 0) {
                continue;
            }
            const known = boxes.get(key[node]);
            if (known) {
                add(known, sums, from);
                known.nodes.push(node);
                known.origins?.push(from);
            } else {
                const name = this.calls.keys.names[key[node]];
                boxes.set(key[node], this.box(key[node], name, parent, [node], origins && [from], sums));
            }
        }
        return [...boxes.values()].sort(byWidth);
    }

    /**
     * @param {number} key
     * @param {string} name
     * @param {Box | null} parent
     * @param {number[]} nodes
     * @param {number[] | null} origins
     * @param {Sums} sums
     * @returns {Box}
     */
    box(key, name, parent, nodes, origins, sums) {
        const depth = parent ? parent.depth + 1 : 0;
        /** @type {Box} */
        const box = { key, name, parent, depth, nodes, origins, value: 0, width: 0, samples: 0, variance: 0, below: null };
        for (const node of origins ?? nodes) {
            add(box, sums, node);
        }
        return box;
    }
}

/**
 * @param {Box} box
 * @param {Sums} sums
 * @param {number} node
 */
function add(box, sums, node) {
    box.value += sums.value[node];
    box.width += sums.width[node];
    box.samples += sums.samples[node];
    box.variance += sums.variance[node];
}

/**
 * @param {Box} a
 * @param {Box} b
 */
function byWidth(a, b) {
    return b.width - a.width || (a.name < b.name ? -1 : 1);
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

/**
 * The nodes of some keys that are not below another one of these.
 *
 * @param {Calls} calls
 * @param {Set<number>} keys
 */
export function outermost(calls, keys) {
    const { parent, key } = calls;
    const within = new Uint8Array(calls.count);
    const nodes = [];
    for (let node = 1; node < calls.count; node++) {
        const isIn = within[parent[node]] === 1;
        const isMatch = keys.has(key[node]);
        if (isMatch && !isIn) {
            nodes.push(node);
        }
        within[node] = isIn || isMatch ? 1 : 0;
    }
    return nodes;
}
