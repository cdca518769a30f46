// Where programs and threads start, before they come to code that anybody wrote for them.

/** @import { Profile } from '../data/profile.js' */
/** @import { Calls } from './calls.js' */

import { frameInfo } from '../data/frame.js';

/** What a stack begins with that is whole. */
const FIRST = /^(_start|__libc_start|__?clone3?$|clone3?$|start_thread|thread_start|_dl_|runtime\.(main|goexit|mstart|rt0_go|_rt0)|std::rt::lang_start|main$)/;

/**
 * For each node whether it is one of the start, with something else beneath it.
 *
 * @param {Profile} profile
 * @param {Calls} calls
 */
export function startOf(profile, calls) {
    const { keys, parent, key, first, next } = calls;
    const hasRuntime = keys.names.some((name) => name.startsWith('std::rt::lang_start'));
    const canBe = keys.names.map((name, i) => {
        const info = frameInfo(profile, keys.frames[i]);
        // The `main` of a Rust program only calls its runtime.
        return info.kind >= 2 || (hasRuntime && name === 'main' && info.file === '');
    });
    const folded = new Uint8Array(calls.count);
    const begins = keys.names.map((name) => FIRST.test(name));
    for (let node = 1; node < calls.count; node++) {
        const isStart = parent[node] === 0 ? begins[key[node]] : folded[parent[node]] === 1;
        folded[node] = isStart && canBe[key[node]] ? 1 : 0;
    }
    const hasOther = new Uint8Array(calls.count);
    for (let node = calls.count - 1; node > 0; node--) {
        hasOther[node] |= folded[node] ? 0 : 1;
        hasOther[parent[node]] |= hasOther[node];
    }
    for (let node = 1; node < calls.count; node++) {
        folded[node] &= hasOther[node];
    }
    // A box of a single frame is no shorter than the frame.
    for (let root = first[0]; root > 0; root = next[root]) {
        let hasMore = false;
        for (let callee = first[root]; callee > 0; callee = next[callee]) {
            hasMore ||= folded[callee] === 1;
        }
        folded[root] &= hasMore ? 1 : 0;
    }
    for (let node = 1; node < calls.count; node++) {
        folded[node] &= parent[node] === 0 ? 1 : folded[parent[node]];
    }
    return folded;
}
