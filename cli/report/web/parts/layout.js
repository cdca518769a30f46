// Where the boxes of a flame graph are: only those that are a pixel wide.

/** @import { Box, Boxes } from '../model/boxes.js' */

import { pathOf } from '../model/boxes.js';

/**
 * A box in its place; without `box`, what is too narrow to be drawn below its caller.
 *
 * @typedef {object} Placed
 * @property {Box | null} box
 * @property {Box} caller
 * @property {number} x
 * @property {number} width
 * @property {number} row
 * @property {boolean} around whether it is a caller of the one that fills the picture
 * @property {number} count of boxes that are too narrow
 * @property {number} value of these
 */

/** The least width of a box. */
const LEAST = 1;

/**
 * @param {Boxes} boxes
 * @param {Box} zoomed what fills the picture
 * @param {number} width of the picture
 * @returns {Placed[]}
 */
export function placed(boxes, zoomed, width) {
    /** @type {Placed[]} */
    const found = [];
    const place = (/** @type {Box} */ box, /** @type {number} */ x, /** @type {number} */ own, /** @type {boolean} */ around) =>
        found.push({ box, caller: box, x, width: own, row: box.depth, around, count: 0, value: 0 });
    for (const box of pathOf(zoomed).slice(0, -1)) {
        place(box, 0, width, true);
    }
    const scale = zoomed.width > 0 ? width / zoomed.width : 0;
    const left = [{ box: zoomed, x: 0 }];
    for (let next = left.pop(); next; next = left.pop()) {
        const { box, x } = next;
        place(box, x, box === zoomed ? width : box.width * scale, false);
        let at = x;
        let small = { width: 0, value: 0, count: 0 };
        for (const below of boxes.below(box)) {
            const own = below.width * scale;
            if (own >= LEAST) {
                left.push({ box: below, x: at });
                at += own;
            } else {
                small = { width: small.width + own, value: small.value + below.value, count: small.count + 1 };
            }
        }
        if (small.width >= LEAST) {
            const { count, value } = small;
            found.push({ box: null, caller: box, x: at, width: small.width, row: box.depth + 1, around: false, count, value });
        }
    }
    return found;
}

/**
 * The box that a way leads to, or the last one on it that there is.
 *
 * @param {Boxes} boxes
 * @param {Box} root
 * @param {string} way keys, joined by points
 */
export function boxAt(boxes, root, way) {
    let box = root;
    for (const key of way === '' ? [] : way.split('.').map(Number)) {
        const below = boxes.below(box).find((one) => one.key === key);
        if (!below) {
            break;
        }
        box = below;
    }
    return box;
}

/**
 * The way to a box.
 *
 * @param {Box} box
 */
export function wayTo(box) {
    return pathOf(box)
        .slice(1)
        .map((one) => one.key)
        .join('.');
}
