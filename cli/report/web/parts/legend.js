// What the colours mean.

/** @import { Shown } from '../model/session.js' */

import { KINDS } from '../data/profile.js';
import { changeColour, kindColour } from './colours.js';
import { KIND_NAMES } from './details.js';
import { el } from './dom.js';

/** @param {Shown} shown */
export function legend(shown) {
    if (shown.difference) {
        return [
            entry('grew', changeColour(1, false)),
            entry('shrank', changeColour(-1, false)),
            entry(shown.metric.sampled ? 'within the noise' : 'as before', changeColour(0, true)),
            el('span', { class: 'note' }, 'a box is as wide as what changed in it'),
        ];
    }
    const kinds = KINDS.map((kind, i) => entry(KIND_NAMES[kind], kindColour(i, '')));
    if (shown.metric.sampled) {
        const noise = entry('within the noise', '');
        noise.querySelector('.dot')?.classList.add('hatched');
        kinds.push(noise);
    }
    return kinds;
}

/**
 * @param {string} name
 * @param {string} colour
 */
function entry(name, colour) {
    const dot = el('span', { class: 'dot', 'aria-hidden': 'true' });
    dot.style.background = colour;
    return el('span', { class: 'entry' }, dot, name);
}
