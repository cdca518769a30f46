// Where programs and threads start, before they come to code that anybody wrote for them.

/** @import { Profile } from '../data/profile.js' */
/** @import { Calls } from './calls.js' */

import { frameInfo } from '../data/frame.js';
import { callerOf, eachCallee } from './tree.js';

/** What a stack begins with that is whole. */
const FIRST = /^(_start|__libc_start|__?clone3?$|clone3?$|start_thread|thread_start|_dl_|runtime\.(main|goexit|mstart|rt0_go|_rt0)|std::rt::lang_start|main$)/;

/**
 * The nodes of the start, those that have something else beneath them.
 *
 * @param {Profile} profile
 * @param {Calls} calls
 * @returns {Set<number>}
 */
export function startOf(profile, calls) {
    const { keys, key } = calls;
    const hasRuntime = keys.names.some((name) => name.startsWith('std::rt::lang_start'));
    const canBe = (/** @type {number} */ own) => {
        const info = frameInfo(profile, keys.frames[own]);
        // The `main` of a Rust program only calls its runtime.
        return info.kind >= 2 || (hasRuntime && keys.names[own] === 'main' && info.file === '');
    };
    // Those that may be, each behind its caller, and which of them have something else beneath them.
    const found = [0];
    const others = new Set();
    for (let i = 0; i < found.length; i++) {
        eachCallee(calls, found[i], (node) => {
            if ((i > 0 || FIRST.test(keys.names[key[node]])) && canBe(key[node])) {
                found.push(node);
            } else {
                others.add(found[i]);
            }
        });
    }
    for (const node of [...found].reverse()) {
        others.has(node) && others.add(callerOf(calls, node));
    }
    /** @type {Set<number>} */
    const start = new Set();
    for (const node of found.slice(1)) {
        const caller = callerOf(calls, node);
        if (others.has(node) && (caller === 0 || start.has(caller))) {
            start.add(node);
        }
    }
    return withoutLone(calls, start);
}

/**
 * A box of a single frame is no shorter than the frame.
 *
 * @param {Calls} calls
 * @param {Set<number>} start
 */
function withoutLone(calls, start) {
    const callers = new Set([...start].map((node) => callerOf(calls, node)));
    return new Set([...start].filter((node) => callerOf(calls, node) > 0 || callers.has(node)));
}
