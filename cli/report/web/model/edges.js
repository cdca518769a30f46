// Who calls whom, as in view/graph.rs: a call counts once in a stack however often it recurs.

/** @import { Calls } from './calls.js' */
/** @import { Metric } from './sums.js' */

/** @typedef {{ caller: number, callee: number, value: number, residual: boolean }} Edge */

/**
 * The calls between some keys, or all of them; they pass over what is not among these.
 *
 * @param {Calls} calls
 * @param {Metric} metric
 * @param {Set<number> | null} kept
 * @returns {Edge[]}
 */
export function edgesOf(calls, metric, kept) {
    const { first, next, parent, key, keys } = calls;
    const { value, samples } = metric.totals;
    const count = keys.names.length;
    /** @type {Map<number, Edge & { open: number }>} */
    const edges = new Map();
    // For each node the nearest caller that is kept, and whether that is another than its own.
    const caller = new Int32Array(calls.count).fill(-1);
    const above = (/** @type {number} */ node) => {
        const own = parent[node];
        return own > 0 && kept && !kept.has(key[own]) ? caller[own] : own > 0 ? key[own] : -1;
    };
    const edgeOf = (/** @type {number} */ node) => {
        const from = caller[node];
        const isEdge = from >= 0 && from !== key[node] && (!kept || kept.has(key[node]));
        return isEdge ? from * count + key[node] : -1;
    };
    const enter = (/** @type {number} */ node) => {
        caller[node] = above(node);
        const id = edgeOf(node);
        if (id < 0) {
            return;
        }
        let edge = edges.get(id);
        if (!edge) {
            edge = { caller: caller[node], callee: key[node], value: 0, residual: false, open: 0 };
            edges.set(id, edge);
        }
        if (edge.open++ === 0 && (value[node] !== 0 || samples[node] !== 0)) {
            edge.value += value[node];
            edge.residual ||= key[parent[node]] !== caller[node];
        }
    };
    const leave = (/** @type {number} */ node) => {
        const edge = edges.get(edgeOf(node));
        if (edge) {
            edge.open--;
        }
    };
    for (let node = first[0]; node > 0; ) {
        enter(node);
        if (first[node] > 0) {
            node = first[node];
            continue;
        }
        while (node > 0 && next[node] === 0) {
            leave(node);
            node = parent[node];
        }
        if (node > 0) {
            leave(node);
            node = next[node];
        }
    }
    return [...edges.values()].filter((edge) => edge.value !== 0);
}
