// The tree of calls as frames are shown: nodes of one caller that stand for the same are one.
//
// Most nodes have one callee and hold nothing themselves, so what is known of nodes is kept by runs: a node without
// samples of its own is in a run with its callee if that is the only one. All nodes of a run hold the same, and only the
// last one has something itself.

/** @import { Keys } from './keys.js' */

/**
 * Nodes and runs are numbered from 1, each behind its caller, and the nodes of a run one after the other; number 0 is
 * around all.
 *
 * @typedef {object} Tree
 * @property {Keys} keys
 * @property {Int32Array} key of each node
 * @property {Int32Array} run of each node
 * @property {number} count of runs, with that around all
 * @property {Int32Array} start the first node of each run, and behind the last one the number of nodes
 * @property {Int32Array} parent the run that ends with the caller
 * @property {Int32Array} first a run that begins with a callee, 0 if there is none
 * @property {Int32Array} next another one behind the same caller
 * @property {Int32Array} place for each run of the profile that has samples the run whose last node they belong to
 * @property {() => Uint8Array} recurs for each node whether what it stands for is among its callers too
 */

/**
 * The caller of a node, −1 for that around all.
 *
 * @param {Tree} tree
 * @param {number} node
 */
export function callerOf({ run, start, parent }, node) {
    const own = run[node];
    return node > start[own] ? node - 1 : own === 0 ? -1 : start[parent[own] + 1] - 1;
}

/**
 * @param {Tree} tree
 * @param {number} node
 * @param {(callee: number) => void} look
 */
export function eachCallee({ run, start, first, next }, node, look) {
    const own = run[node];
    if (node + 1 < start[own + 1]) {
        look(node + 1);
        return;
    }
    for (let behind = first[own]; behind > 0; behind = next[behind]) {
        look(start[behind]);
    }
}

/**
 * For each node whether what it stands for is among its callers.
 *
 * @param {Omit<Tree, 'recurs'>} tree
 */
export function recursions({ keys, key, count, start, parent, first, next }) {
    const recurs = new Uint8Array(key.length);
    const open = new Int32Array(keys.names.length);
    const turn = (/** @type {number} */ run, /** @type {number} */ by) => {
        for (let node = start[run]; node < start[run + 1]; node++) {
            if (by > 0) {
                recurs[node] = open[key[node]] > 0 ? 1 : 0;
            }
            open[key[node]] += by;
        }
    };
    // Down and up through the runs.
    for (let run = count > 1 ? first[0] : 0; run > 0; ) {
        turn(run, 1);
        if (first[run] > 0) {
            run = first[run];
            continue;
        }
        for (; run > 0 && next[run] === 0; run = parent[run]) {
            turn(run, -1);
        }
        if (run > 0) {
            turn(run, -1);
            run = next[run];
        }
    }
    return recurs;
}
