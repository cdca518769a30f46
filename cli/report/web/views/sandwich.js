// All calls of a function together: its callers above, its callees below.

/** @import { App } from '../app.js' */
/** @import { Box } from '../model/boxes.js' */
/** @import { Shown } from '../model/session.js' */

import { Boxes, outermost } from '../model/boxes.js';
import { wayThrough } from '../model/near.js';
import { exactly } from '../model/session.js';
import { valueText } from '../text/describe.js';
import { grouped } from '../text/units.js';
import { actionsOf } from '../parts/actions.js';
import { Details } from '../parts/details.js';
import { button, el, fill } from '../parts/dom.js';
import { Flame } from '../parts/flame.js';
import { legend } from '../parts/legend.js';
import { openMenu } from '../parts/menu.js';
import { smallerNote } from '../parts/smaller.js';

export class SandwichView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.details = new Details(app);
        const zoom = (/** @type {Box} */ box) => box.key >= 0 && box.depth > 0 && app.go({ p: exactly(app.session.info(app.shown().keys, box.key).name || box.name) });
        const handlers = {
            select: (/** @type {Box} */ box) => this.shown && this.details.show(this.shown, box),
            zoom,
            smaller: (/** @type {Box} */ caller) => (caller.depth > 0 ? zoom(caller) : app.go({ view: 'peek' })),
            menu: (/** @type {Box} */ box, /** @type {number} */ x, /** @type {number} */ y) =>
                box.key >= 0 && openMenu(actionsOf(app, box.name, box), x, y),
            kind: (/** @type {Box} */ box) => (this.shown ? app.session.kind(this.shown.keys, box.key) : 0),
        };
        this.callers = new Flame('Callers', handlers);
        this.callers.element.classList.add('fitting');
        this.callees = new Flame('Callees', handlers);
        this.title = el('div', { class: 'way' });
        this.legend = el('div', { class: 'legend' });
        this.both = el(
            'div',
            { class: 'sandwich' },
            el('h2', { class: 'side' }, 'Callers'),
            this.callers.element,
            el('h2', { class: 'side' }, 'Callees'),
            this.callees.element,
        );
        const picture = el('div', { class: 'picture' }, this.title, this.both, this.legend);
        this.element = el('div', { class: 'split' }, picture, this.details.element);
        /** @type {Shown | null} */
        this.shown = null;
    }

    /** @param {Shown} shown */
    update(shown) {
        this.shown = shown;
        const keys = shown.state.p === '' ? this.largest(shown) : this.app.session.pivots(shown);
        const nodes = outermost(shown.calls, shown.metric, keys);
        this.both.hidden = nodes.length === 0;
        if (nodes.length === 0) {
            fill(this.title, el('span', {}, keys.includes(1) ? `The filters leave nothing of ${shown.state.p}.` : `No function matches ${shown.state.p}.`));
            return;
        }
        const first = keys.indexOf(1);
        const isOne = keys.indexOf(1, first + 1) < 0;
        const name = isOne ? shown.keys.names[first] : `${grouped(keys.reduce((sum, one) => sum + one, 0))} functions`;
        const boxes = new Boxes(shown.calls, shown.metric, null);
        const callees = boxes.callees(name, nodes);
        const callers = boxes.callers(name, nodes);
        fill(this.title, el('strong', {}, name), el('span', {}, valueText(shown, callees)), smallerNote(shown), this.choose());
        fill(this.legend, ...legend(shown));
        this.callers.show(shown, boxes, callers, false);
        this.callees.show(shown, boxes, callees, true);
        this.details.show(shown, callees);
        if (isOne) {
            this.app.refresh.comeNear(wayThrough(this.app.session, shown, [first]));
        }
    }

    /**
     * The function that holds most itself, where none is asked for.
     *
     * @param {Shown} shown
     */
    largest(shown) {
        const keys = new Uint8Array(shown.keys.names.length);
        for (const key of this.app.session.sorted(shown, 'flat').slice(0, 1)) {
            keys[key] = 1;
        }
        return keys;
    }

    choose() {
        return button('Another function…', () => this.app.go({ view: 'top' }), { class: 'plain' });
    }

    focus() {
        this.callees.mirror.element.focus({ preventScroll: true });
    }
}
