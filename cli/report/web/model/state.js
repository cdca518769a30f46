// What is shown, in the address of the page, by the names that pprof's addresses have.

/** @import { Granularity } from './keys.js' */

export const VIEWS = /** @type {const} */ ([
    'flamegraph',
    'sandwich',
    'bottomup',
    'top',
    'source',
    'peek',
    'graph',
    'treemap',
    'sizes',
    'timeline',
]);

/** @typedef {typeof VIEWS[number]} ViewName */

/**
 * @typedef {object} State
 * @property {ViewName} view
 * @property {string} si the sample type
 * @property {string} f focus
 * @property {string} i ignore
 * @property {string} h hide
 * @property {string} s show
 * @property {string} sf show from
 * @property {string} prunefrom
 * @property {string} tf tag focus
 * @property {string} ti tag ignore
 * @property {string} p the functions that sandwich, source and peek are of
 * @property {string} q what is searched for
 * @property {string} z the box that fills the picture: its way from the root, as numbers of names
 * @property {Granularity | ''} g
 * @property {string} n how many functions the graph has
 * @property {string} sort
 * @property {boolean} own only the program's own code
 * @property {boolean} noinlines
 * @property {boolean} rel percentages of what the filters leave
 * @property {boolean} rec what calls itself is one box
 * @property {boolean} lib what is not own code is one box
 * @property {boolean} start the start of the program is not folded
 * @property {boolean} ice the flame graph hangs down
 */

/** @type {State} */
const NOTHING = {
    view: 'flamegraph',
    si: '',
    f: '',
    i: '',
    h: '',
    s: '',
    sf: '',
    prunefrom: '',
    tf: '',
    ti: '',
    p: '',
    q: '',
    z: '',
    g: '',
    n: '',
    sort: '',
    own: false,
    noinlines: false,
    rel: false,
    rec: false,
    lib: false,
    start: false,
    ice: true,
};

/**
 * The state that an address stands for.
 *
 * @param {string} hash
 * @param {[string, string][]} initial what an address without parameters stands for
 * @returns {State}
 */
export function readState(hash, initial) {
    const [path, query] = hash.replace(/^#\/?/, '').split('?', 2);
    const state = { ...NOTHING };
    const view = VIEWS.find((one) => one === path);
    state.view = view ?? NOTHING.view;
    const parameters = hash.length > 1 ? [...new URLSearchParams(query ?? '')] : initial;
    for (const [name, value] of parameters) {
        set(state, name, value);
    }
    return state;
}

/**
 * @param {State} state
 * @param {string} name
 * @param {string} value
 */
function set(state, name, value) {
    const known = /** @type {Record<string, unknown>} */ (NOTHING)[name];
    const slots = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (state));
    if (name === 'view') {
        return;
    }
    if (typeof known === 'string') {
        slots[name] = value;
    } else if (typeof known === 'boolean') {
        slots[name] = ['true', 't', 'yes', 'y', '1', ''].includes(value.toLowerCase());
    }
}

/**
 * The address of a state.
 *
 * @param {State} state
 */
export function writeState(state) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) {
        if (name !== 'view' && value !== /** @type {Record<string, unknown>} */ (NOTHING)[name]) {
            parameters.set(name, String(value));
        }
    }
    return `#/${state.view}?${parameters}`;
}
