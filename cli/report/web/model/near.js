// What the reader has come close to, for the server, which has the stacks that were too small for the page.

/** @import { Box } from './boxes.js' */
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
    return hasSmaller(session, shown, box) ? wayThrough(session, shown, pathOf(box).map((one) => one.key)) : '';
}

/**
 * The way through functions of which some calls may have been too small for the page.
 *
 * @param {Session} session
 * @param {Shown} shown
 * @param {number[]} keys the outermost first
 */
export function wayThrough(session, shown, keys) {
    const isSmaller = keys.some((key) => shown.keys.names[key] === SMALLER);
    if (session.profile.is.left_out === 0 || isSmaller) {
        return '';
    }
    const names = keys.map((key) => (key < 0 ? '' : session.info(shown.keys, key).name));
    return names.filter((name) => name !== '').map((name) => hash(name).toString(16)).join(',');
}

/**
 * @param {Session} session
 * @param {Shown} shown
 * @param {Box} box
 */
function hasSmaller(session, { calls }, box) {
    if (session.profile.is.left_out === 0) {
        return false;
    }
    const smaller = calls.keys.names.indexOf(SMALLER);
    const { count, key, run, start, parent } = calls;
    const has = Uint8Array.from(parent, (_, own) => (key[start[own + 1] - 1] === smaller ? 1 : 0));
    for (let own = count - 1; own > 0; own--) {
        has[parent[own]] |= has[own];
    }
    return box.nodes.subarray(box.from, box.to).some((node) => has[run[node]] === 1);
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
