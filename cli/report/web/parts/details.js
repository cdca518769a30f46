// What is known of the selected function, and what can be done with it.

/** @import { App } from '../app.js' */
/** @import { Box } from '../model/boxes.js' */
/** @import { Shown } from '../model/session.js' */

import { KINDS } from '../data/profile.js';
import { START } from '../model/boxes.js';
import { certaintyText, valueText } from '../text/describe.js';
import { kindColour } from './colours.js';
import { button, el, fill } from './dom.js';
import { actionsOf } from './actions.js';

/** What kinds of code are called. */
export const KIND_NAMES = /** @type {Record<string, string>} */ ({
    own: 'own code',
    library: 'library',
    language: 'the language’s library',
    system: 'system',
});

export class Details {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.element = el('aside', { class: 'details', 'aria-label': 'Selected function' });
    }

    /**
     * @param {Shown} shown
     * @param {Box} box
     */
    show(shown, box) {
        const { app } = this;
        if (box.key === START) {
            fill(
                this.element,
                el('h2', {}, 'start of the program'),
                values(shown, box),
                el('p', {}, 'What programs, threads and languages do before they come to the program’s own code.'),
                el('div', { class: 'actions' }, button('Open', () => app.go({ start: true, z: '' }))),
            );
            return;
        }
        if (box.key < 0) {
            fill(this.element, el('h2', {}, 'all'), values(shown, box), hint());
            return;
        }
        const info = app.session.info(shown.keys, box.key);
        const kind = info.kind;
        const dot = el('span', { class: 'dot', 'aria-hidden': 'true' });
        dot.style.background = kindColour(kind, '');
        const place = info.file ? `${info.file}${info.start > 0 ? `:${info.start}` : ''}` : info.object;
        fill(
            this.element,
            el('h2', {}, box.name),
            values(shown, box),
            el('p', { class: 'kind' }, dot, KIND_NAMES[KINDS[kind]]),
            place !== '' && el('p', { class: 'place' }, place),
            el(
                'div',
                { class: 'actions' },
                ...actionsOf(app, info.name || box.name, box).map((action) => button(action.label, action.run, { title: action.hint })),
            ),
        );
    }
}

/**
 * @param {Shown} shown
 * @param {{ value: number, samples: number, variance: number }} estimate
 */
function values(shown, estimate) {
    const certainty = certaintyText(shown, estimate);
    return el('p', { class: 'values' }, el('strong', {}, valueText(shown, estimate)), certainty !== '' && el('span', {}, certainty));
}

function hint() {
    return el(
        'p',
        { class: 'hint' },
        'Click a box to come closer, right-click it for more. ',
        el('kbd', {}, '?'),
        ' tells the keys.',
    );
}
