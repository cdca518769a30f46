// Who calls whom, as in view/graph.rs: a call counts once in a stack however often it recurs.

/** @import { Calls } from './calls.js' */
/** @import { Metric } from './sums.js' */

import { callerOf } from './tree.js';

/** @typedef {{ caller: number, callee: number, value: number, residual: boolean }} Edge */

/**
 * The calls between some keys; they pass over what is not among these.
 *
 * @param {Calls} calls
 * @param {Metric} metric
 * @param {Uint8Array} kept for each key whether it is one of them
 */
export function edgesBetween(calls, metric, kept) {
    return edgesOf(calls, metric, kept, () => true);
}

/**
 * The calls to and from some keys.
 *
 * @param {Calls} calls
 * @param {Metric} metric
 * @param {Uint8Array} keys for each key whether it is one of them
 */
export function edgesAt(calls, metric, keys) {
    const all = new Uint8Array(keys.length).fill(1);
    return edgesOf(calls, metric, all, (from, to) => keys[from] === 1 || keys[to] === 1);
}

/**
 * @param {Calls} calls
 * @param {Metric} metric
 * @param {Uint8Array} kept
 * @param {(from: number, to: number) => boolean} isWanted
 * @returns {Edge[]}
 */
function edgesOf(calls, metric, kept, isWanted) {
    const { count, key, keys, start, parent } = calls;
    const { value, samples } = metric.totals;
    const recurs = calls.recurs();
    /** @type {Map<number, Edge>} */
    const edges = new Map();
    // The innermost kept key that each run leads through.
    const last = new Int32Array(count).fill(-1);
    for (let run = 1; run < count; run++) {
        let from = last[parent[run]];
        const isEmpty = value[run] === 0 && samples[run] === 0;
        for (let node = start[run]; node < start[run + 1]; node++) {
            const to = key[node];
            if (kept[to] === 0) {
                continue;
            }
            if (from >= 0 && from !== to && !isEmpty && isWanted(from, to) && (recurs[node] === 0 || !isAbove(calls, kept, node, from))) {
                const id = from * keys.names.length + to;
                const edge = edges.get(id) ?? { caller: from, callee: to, value: 0, residual: false };
                edge.value += value[run];
                edge.residual ||= key[callerOf(calls, node)] !== from;
                edges.set(id, edge);
            }
            from = to;
        }
        last[run] = from;
    }
    return [...edges.values()].filter((edge) => edge.value !== 0);
}

/**
 * Whether the call that leads to a node is among its callers too.
 *
 * @param {Calls} calls
 * @param {Uint8Array} kept
 * @param {number} node
 * @param {number} from
 */
function isAbove(calls, kept, node, from) {
    const { key } = calls;
    let below = -1;
    for (let above = callerOf(calls, node); above > 0; above = callerOf(calls, above)) {
        if (kept[key[above]] === 1) {
            if (below === key[node] && key[above] === from) {
                return true;
            }
            below = key[above];
        }
    }
    return false;
}
