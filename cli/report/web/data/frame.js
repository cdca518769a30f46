// What is known of a frame.

/** @import { Profile } from './profile.js' */

/**
 * @param {Profile} profile
 * @param {number} frame
 */
export function frameInfo(profile, frame) {
    const { frames, functions, mappings, strings } = profile;
    const index = frames.function[frame] - 1;
    const mapping = frames.mapping[frame];
    return {
        name: index < 0 ? '' : strings[functions.name[index]],
        file: index < 0 ? '' : strings[functions.file[index]],
        fileIndex: index < 0 ? 0 : functions.file[index],
        start: index < 0 ? 0 : functions.start[index],
        line: frames.line[frame],
        object: mapping === 0 ? '' : strings[mappings[mapping - 1]],
        kind: frames.kind[frame] >> 1,
        inlined: (frames.kind[frame] & 1) === 1,
    };
}

/**
 * Where a function is: its file, and the line where it begins or else the first that is known of it.
 *
 * @param {Profile} profile
 * @param {string} name
 */
export function placeOf(profile, name) {
    const { frames, functions, strings } = profile;
    const index = functions.name.findIndex((text) => strings[text] === name);
    if (index < 0) {
        return { file: '', line: 0 };
    }
    let line = functions.start[index];
    for (let frame = 0; line === 0 && frame < frames.function.length; frame++) {
        line = frames.function[frame] - 1 === index ? frames.line[frame] : 0;
    }
    return { file: strings[functions.file[index]], line };
}

/**
 * The last part of a path.
 *
 * @param {string} path
 */
export function base(path) {
    const trimmed = path.replace(/\/+$/, '');
    return trimmed.slice(trimmed.lastIndexOf('/') + 1);
}
