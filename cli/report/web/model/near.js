// What the reader has come close to, for the server, which has the stacks that were too small for the page.

/** @import { Box } from './boxes.js' */
/** @import { Calls } from './calls.js' */
/** @import { Session, Shown } from './session.js' */

import { pathOf } from './boxes.js';
import { SMALLER } from './keys.js';

/**
 * The way to a box that has stacks below it which were too small for the page, as the server understands it; empty
 * if there is nothing more to know.
 *
 * @param {Session} session
 * @param {Shown} shown
 * @param {Box} box of a tree from the roots on
 */
export function wayNear(session, shown, box) {
    const path = pathOf(box).filter((one) => one.key >= 0);
    if (path.length === 0 || box.name === SMALLER || !hasSmaller(shown.calls, box)) {
        return '';
    }
    const names = path.map((one) => session.info(shown.keys, one.key).name);
    return names.filter((name) => name !== '').map((name) => hash(name).toString(16)).join(',');
}

/**
 * @param {Calls} calls
 * @param {Box} box
 */
function hasSmaller(calls, box) {
    const { first, next, key } = calls;
    const smaller = calls.keys.names.indexOf(SMALLER);
    const left = [...box.nodes];
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
        if (key[node] === smaller) {
            return true;
        }
        for (let callee = first[node]; callee > 0; callee = next[callee]) {
            left.push(callee);
        }
    }
    return false;
}

/**
 * FNV-1a, as view/call_tree/near.rs has it.
 *
 * @param {string} text
 */
function hash(text) {
    let value = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(text)) {
        value = Math.imul(value ^ byte, 0x01000193);
    }
    return value >>> 0;
}
