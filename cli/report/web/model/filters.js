// The filters of a view, with the rules of view/filter.rs.

/** @import { Profile } from '../data/profile.js' */
/** @import { State } from './state.js' */

import { pattern } from '../text/pattern.js';
import { labelTest } from './labels.js';

/** The filters that are regular expressions, by pprof's names in URLs. */
export const REGEX_FILTERS = /** @type {const} */ ({
    f: 'focus',
    i: 'ignore',
    h: 'hide',
    s: 'show',
    sf: 'show from',
    prunefrom: 'prune from',
});

/** Those by labels. */
export const LABEL_FILTERS = /** @type {const} */ ({ tf: 'tag focus', ti: 'tag ignore' });

/** @typedef {keyof typeof REGEX_FILTERS} RegexFilter */
/** @typedef {keyof typeof LABEL_FILTERS} LabelFilter */

/**
 * What filters do to frames and samples: for each frame whether it matches, absent where nothing is asked for.
 *
 * @typedef {object} Filters
 * @property {Uint8Array | null} focus
 * @property {Uint8Array | null} ignore
 * @property {Uint8Array | null} showFrom
 * @property {Uint8Array | null} pruneFrom
 * @property {Uint8Array} hidden frames that are left out
 * @property {Uint8Array | null} labels label sets whose samples are left in
 * @property {Map<string, string>} wrong what is wrong with a filter, by its name
 * @property {Set<string>} unmatched filters that match nothing
 */

/**
 * @param {Profile} profile
 * @param {State} state
 * @returns {Filters}
 */
export function filtersOf(profile, state) {
    const count = profile.frames.function.length;
    /** @type {Filters} */
    const filters = {
        focus: null,
        ignore: null,
        showFrom: null,
        pruneFrom: null,
        hidden: new Uint8Array(count),
        labels: null,
        wrong: new Map(),
        unmatched: new Set(),
    };
    const masks = /** @type {Record<string, Uint8Array>} */ ({});
    for (const name of /** @type {RegexFilter[]} */ (Object.keys(REGEX_FILTERS))) {
        if (!state[name]) {
            continue;
        }
        const regex = pattern(state[name]);
        if (typeof regex === 'string') {
            filters.wrong.set(name, regex);
            continue;
        }
        masks[name] = name === 'prunefrom' ? nameMask(profile, regex) : frameMask(profile, regex);
        if (!masks[name].includes(1)) {
            filters.unmatched.add(name);
        }
    }
    filters.focus = masks.f ?? null;
    filters.ignore = masks.i ?? null;
    filters.showFrom = masks.sf ?? null;
    filters.pruneFrom = masks.prunefrom ?? null;
    hide(profile, state, filters, masks);
    filterLabels(profile, state, filters);
    return filters;
}

/**
 * @param {Profile} profile
 * @param {State} state
 * @param {Filters} filters
 * @param {Record<string, Uint8Array>} masks
 */
function hide(profile, state, filters, masks) {
    const { kind, function: functions } = profile.frames;
    for (let frame = 0; frame < kind.length; frame++) {
        const isOut =
            masks.h?.[frame] ||
            (masks.s && (masks.s[frame] === 0 || functions[frame] === 0)) ||
            (state.own && kind[frame] >> 1 !== 0) ||
            (state.noinlines && kind[frame] & 1);
        filters.hidden[frame] = isOut ? 1 : 0;
    }
}

/**
 * @param {Profile} profile
 * @param {State} state
 * @param {Filters} filters
 */
function filterLabels(profile, state, filters) {
    const sets = profile.is.labels;
    for (const name of /** @type {LabelFilter[]} */ (Object.keys(LABEL_FILTERS))) {
        if (!state[name]) {
            continue;
        }
        const test = labelTest(state[name]);
        if (typeof test === 'string') {
            filters.wrong.set(name, test);
            continue;
        }
        const matching = sets.map(test);
        if (!matching.includes(true)) {
            filters.unmatched.add(name);
        }
        const before = filters.labels;
        filters.labels = Uint8Array.from(matching, (found, i) => Number((before?.[i] ?? 1) && found === (name === 'tf')));
    }
}

/**
 * The frames that an expression matches, by function, source file or file of the mapping.
 *
 * @param {Profile} profile
 * @param {RegExp} regex
 */
export function frameMask(profile, regex) {
    const { frames, functions, mappings, strings } = profile;
    const found = memo(strings, regex);
    const ofFunction = functions.name.map((name, i) => found(name) | found(functions.file[i]));
    return Uint8Array.from(frames.function, (index, frame) => {
        const mapping = frames.mapping[frame];
        return (index > 0 ? ofFunction[index - 1] : 0) | (mapping > 0 ? found(mappings[mapping - 1]) : 0);
    });
}

/**
 * The frames whose function's name matches, which has no parameters for this.
 *
 * @param {Profile} profile
 * @param {RegExp} regex
 */
function nameMask(profile, regex) {
    const { frames, functions, strings } = profile;
    const found = functions.name.map((name) => Number(name !== 0 && regex.test(strings[name])));
    return Uint8Array.from(frames.function, (index) => (index > 0 ? found[index - 1] : 0));
}

/**
 * Whether an expression matches a string, each string tried once.
 *
 * @param {string[]} strings
 * @param {RegExp} regex
 */
function memo(strings, regex) {
    const known = new Int8Array(strings.length).fill(-1);
    return (/** @type {number} */ index) => {
        if (known[index] < 0) {
            known[index] = regex.test(strings[index]) ? 1 : 0;
        }
        return known[index];
    };
}
