// What the boxes and rows of a view stand for: functions, files or lines, as in view/node.rs.

/** @import { Profile } from '../data/profile.js' */

import { base } from '../data/frame.js';

/** @typedef {'functions' | 'filefunctions' | 'files' | 'lines'} Granularity */

/** @type {Granularity[]} */
export const GRANULARITIES = ['functions', 'filefunctions', 'files', 'lines'];

/**
 * @typedef {object} Keys
 * @property {Int32Array} ofFrame for each frame its key
 * @property {string[]} names for each key what to show
 * @property {Int32Array} frames for each key one of its frames
 */

/** What stands for all that was too small for the page. */
export const SMALLER = '(smaller stacks)';

/** What is shown of a name that has nothing to see. */
export const BLANK = '(a blank name)';

/**
 * @param {Profile} profile
 * @param {Granularity} granularity
 * @returns {Keys}
 */
export function keysOf(profile, granularity) {
    const { frames, functions, mappings, strings } = profile;
    const count = frames.function.length;
    const ofFrame = new Int32Array(count);
    /** @type {string[]} */
    const names = [];
    /** @type {number[]} */
    const examples = [];
    /** @type {Map<string | number, number>} */
    const known = new Map();
    const withFile = granularity !== 'functions';
    const withLine = granularity === 'lines';
    for (let frame = 0; frame < count; frame++) {
        const index = frames.function[frame] - 1;
        const name = index < 0 || granularity === 'files' ? 0 : functions.name[index];
        const file = index < 0 || !withFile ? 0 : functions.file[index];
        const line = index < 0 || !withLine ? 0 : frames.line[frame];
        const object = name === 0 && file === 0 ? frames.mapping[frame] : 0;
        // Mostly a name is all, and a number is found sooner than a text.
        const identity = frame === 0 ? '' : name > 0 && !withFile ? name : `${name} ${file} ${line} ${object}`;
        let key = known.get(identity);
        if (key === undefined) {
            key = names.length;
            known.set(identity, key);
            const objectName = object === 0 ? '' : strings[mappings[object - 1]];
            names.push(frame === 0 ? SMALLER : printed(strings[name], strings[file], line, objectName));
            examples.push(frame);
        }
        ofFrame[frame] = key;
    }
    return { ofFrame, names, frames: Int32Array.from(examples) };
}

/**
 * `NodeInfo::name`.
 *
 * @param {string} name
 * @param {string} file
 * @param {number} line
 * @param {string} object
 */
function printed(name, file, line, object) {
    const place = file === '' && line === 0 ? '' : line === 0 ? file : `${file}:${line}`;
    if (name === '') {
        return place || (object ? `[${base(object)}]` : '<unknown>');
    }
    if (name.trim() === '') {
        return `${BLANK} ${place}`.trim();
    }
    return place ? `${name} ${place}` : name;
}
