// Filters by the labels of samples, which pprof calls tags: `64kb:`, `bytes=1kb:4kb`, `thread=main`, with the rules of view/label.rs.

/** @import { Label } from '../data/profile.js' */

import { pattern } from '../text/pattern.js';
import { inBase } from '../text/units.js';

/** The label that samples of a base have. */
export const BASE_LABEL = 'pprof::base';

/**
 * Whether a sample with these labels is as the filter says; a text if the filter is wrong.
 *
 * @param {string} source
 * @returns {((labels: Label[]) => boolean) | string}
 */
export function labelTest(source) {
    const at = source.indexOf('=');
    const key = at < 0 ? null : source.slice(0, at);
    const value = source.slice(at + 1);
    const own = (/** @type {Label[]} */ labels) => labels.filter((label) => key === null || label.key === key);
    const range = rangeOf(value);
    if (range) {
        return (labels) => own(labels).some((label) => label.number !== null && range(label.number, label.unit));
    }
    /** @type {RegExp[]} */
    const patterns = [];
    for (const part of value.split(',')) {
        const regex = pattern(part);
        if (typeof regex === 'string') {
            return regex;
        }
        patterns.push(regex);
    }
    return (labels) => {
        const texts = own(labels).filter((label) => label.number === null);
        const found = (/** @type {RegExp} */ regex) =>
            texts.some((label) => regex.test(key === null ? `${label.key}:${label.text}` : label.text));
        return key === null ? patterns.every(found) : patterns.some(found);
    };
}

/**
 * The range that `text` describes, if it does.
 *
 * @param {string} text
 * @returns {((number: number, unit: string) => boolean) | null}
 */
function rangeOf(text) {
    const [low, high] = text.includes(':') ? text.split(':', 2) : [text, text];
    const quantity = (/** @type {string} */ part) => {
        const found = /^([+-]?\d+)([A-Za-z]*)$/.exec(part);
        return found ? inBase(Number(found[1]), found[2]) : null;
    };
    const [from, to] = [quantity(low), quantity(high)];
    if ((low !== '' && !from) || (high !== '' && !to) || (!from && !to)) {
        return null;
    }
    return (number, unit) => {
        const value = inBase(number, unit);
        const fits = (/** @type {{ kind: string }} */ bound) => bound.kind === value.kind;
        return (
            (!from || (fits(from) && value.number >= from.number)) && (!to || (fits(to) && value.number <= to.number))
        );
    };
}
