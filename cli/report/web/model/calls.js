// The tree of calls, and which of its runs the samples that the filters leave belong to.

/** @import { Profile } from '../data/profile.js' */
/** @import { Filters } from './filters.js' */
/** @import { Tree } from './tree.js' */

/** @typedef {Tree & { ofRow: Int32Array }} Calls for each sample its run, −1 if it is left out */

/** A frame in focus is on the way to a run, one that is ignored. */
const IN = 1;
const IGNORED = 2;

/**
 * @param {Profile} profile
 * @param {Tree} tree
 * @param {Filters} filters
 * @returns {Calls}
 */
export function callsOf(profile, tree, filters) {
    const isIn = stacksLeftIn(profile, filters);
    const { run, labels } = profile.rows;
    // Stacks of which nothing is left have none.
    const ofRow = run.map((own, row) => {
        const isLeftIn = (isIn === null || isIn[own] === IN) && (filters.labels === null || filters.labels[labels[row]] === 1);
        return isLeftIn && tree.place[own] > 0 ? tree.place[own] : -1;
    });
    return { ...tree, ofRow };
}

/**
 * For each run of the profile whether stacks that end there are left in: they are if it is IN alone.
 *
 * @param {Profile} profile
 * @param {Filters} filters
 */
function stacksLeftIn({ runs: { start, parent }, frame }, { focus, ignore }) {
    if (!focus && !ignore) {
        return null;
    }
    const found = new Uint8Array(parent.length);
    found[0] = focus ? 0 : IN;
    for (let run = 1; run < parent.length; run++) {
        let own = found[parent[run]];
        for (let node = start[run]; node < start[run + 1]; node++) {
            own |= (focus !== null && focus[frame[node]] === 1 ? IN : 0) | (ignore !== null && ignore[frame[node]] === 1 ? IGNORED : 0);
        }
        found[run] = own;
    }
    return found;
}
