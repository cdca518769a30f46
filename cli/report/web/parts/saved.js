// Views that the reader has given a name.

/** @import { App } from '../app.js' */

import { writeState } from '../model/state.js';
import { ask } from './ask.js';
import { announce } from './dom.js';
import { openMenu } from './menu.js';
import { recall, remember } from './memory.js';

/** @typedef {{ name: string, address: string }} Saved */

/** @returns {Saved[]} */
function saved() {
    try {
        const views = JSON.parse(recall('views') || '[]');
        return Array.isArray(views) ? views.filter((view) => typeof view?.name === 'string' && typeof view.address === 'string') : [];
    } catch {
        return []; // somebody else's
    }
}

/** @param {Saved[]} views */
function save(views) {
    if (!remember('views', JSON.stringify(views))) {
        announce('This browser keeps nothing for this page');
    }
}

/**
 * The address of what is shown. Boxes have numbers of this profile only, so it leads to the whole.
 *
 * @param {App} app
 */
function address(app) {
    return writeState({ ...app.state, z: '' });
}

/**
 * @param {App} app
 * @param {Element} below
 */
export function offerViews(app, below) {
    const views = saved();
    const here = address(app);
    const known = views.map((view) => ({ label: view.name, hint: view.address, checked: view.address === here, run: () => { location.hash = view.address; } }));
    const own = views.find((view) => view.address === here);
    const last = own
        ? { label: `Forget ${own.name}`, run: () => save(views.filter((view) => view !== own)) }
        : { label: 'Save this view…', hint: 'view, sample type and filters, for any profile', run: () => name(views, here) };
    const bounds = below.getBoundingClientRect();
    openMenu([...known, last], bounds.left, bounds.bottom + 4);
}

/**
 * @param {Saved[]} views
 * @param {string} here
 */
function name(views, here) {
    ask('Name of this view', 'An earlier view of this name goes', '', (text) => {
        if (text === '') {
            return 'It needs a name';
        }
        save([...views.filter((view) => view.name !== text), { name: text, address: here }]);
        return '';
    });
}
