// Flame graph, icicle, and the bottom-up view.

/** @import { App } from '../app.js' */
/** @import { Box } from '../model/boxes.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Metric } from '../model/sums.js' */

import { Boxes, START, outermost, pathOf } from '../model/boxes.js';
import { exactly } from '../model/session.js';
import { wayNear, wayThrough } from '../model/near.js';
import { startOf } from '../model/start.js';
import { grouped, percentage } from '../text/units.js';
import { actionsOf } from '../parts/actions.js';
import { Details } from '../parts/details.js';
import { button, el, fill } from '../parts/dom.js';
import { Flame } from '../parts/flame.js';
import { boxAt, wayTo } from '../parts/layout.js';
import { legend } from '../parts/legend.js';
import { openMenu } from '../parts/menu.js';
import { smallerNote } from '../parts/smaller.js';

export class FlameView {
    /**
     * @param {App} app
     * @param {boolean} bottomUp whether it begins at the innermost frames
     */
    constructor(app, bottomUp) {
        this.app = app;
        this.bottomUp = bottomUp;
        this.details = new Details(app);
        this.way = el('nav', { class: 'way', 'aria-label': 'Where this is' });
        this.flame = new Flame(bottomUp ? 'Bottom-up: functions and their callers' : 'Calls, with what they hold', {
            select: (box) => this.shown && this.details.show(this.shown, box),
            zoom: (box) => this.zoom(box),
            smaller: (caller) => this.smaller(caller),
            menu: (box, x, y) => box.key >= 0 && openMenu(actionsOf(app, nameOf(app, box), box), x, y),
            kind: (box) => (this.shown ? app.session.kind(this.shown.keys, box.key) : 0),
        });
        this.legend = el('div', { class: 'legend' });
        const picture = el('div', { class: 'picture' }, this.way, this.flame.element, this.legend);
        this.element = el('div', { class: 'split' }, picture, this.details.element);
        /** @type {Shown | null} */
        this.shown = null;
        /** @type {{ metric: Metric, name: string, boxes: Boxes, root: Box } | null} */
        this.kept = null;
    }

    /** @param {Box} box */
    zoom(box) {
        if (box.key === START) {
            this.app.go({ start: true, z: '' });
        } else {
            const isZoomed = this.flame.zoomed === box && box.parent;
            this.app.go({ z: wayTo(isZoomed ? /** @type {Box} */ (box.parent) : box) });
        }
    }

    /**
     * Comes closer to what is too narrow below a box; if that is as close as can be, shows it as a table.
     *
     * @param {Box} caller
     */
    smaller(caller) {
        const { app } = this;
        if (caller !== this.flame.zoomed) {
            this.zoom(caller);
        } else {
            app.go({ view: 'top', z: '', f: app.state.f || (caller.key < 0 ? '' : exactly(nameOf(app, caller))) });
        }
    }

    /** @param {Shown} shown */
    update(shown) {
        const { app } = this;
        const { state, calls, metric } = shown;
        const folds = !this.bottomUp && !state.start;
        const name = `boxes ${this.bottomUp} ${folds}`;
        if (this.kept?.metric !== metric || this.kept.name !== name) {
            const boxes = new Boxes(calls, metric, folds ? startOf(app.profile, calls) : null);
            this.kept = { metric, name, boxes, root: this.bottomUp ? boxes.fromLeaves() : boxes.fromRoots() };
        }
        const { boxes, root } = this.kept;
        this.shown = shown;
        const zoomed = boxAt(boxes, root, state.z);
        // What is around the picture says how much room it has.
        fill(this.legend, ...legend(shown));
        this.showWay(shown, zoomed);
        this.flame.show(shown, boxes, zoomed, state.ice);
        this.details.show(shown, this.flame.selected ?? zoomed);
        const keys = pathOf(zoomed).map((box) => box.key);
        app.refresh.comeNear(this.bottomUp ? wayThrough(app.session, shown, keys.reverse()) : wayNear(app.session, shown, zoomed));
    }

    /**
     * @param {Shown} shown
     * @param {Box} zoomed
     */
    showWay(shown, zoomed) {
        const { app } = this;
        const path = pathOf(zoomed);
        const parts = path.slice(-4).map((box) => button(box.name, () => app.go({ z: wayTo(box) }), { 'aria-current': box === zoomed ? 'true' : null }));
        const total = path[0].width;
        const search = shown.search;
        let found = '';
        if (search && search.wrong === '') {
            const { totals, self } = shown.metric;
            const { key, run, start } = shown.calls;
            let sum = 0;
            if (this.bottomUp) {
                sum = self.width.reduce((all, width, own) => all + (search.keys[key[start[own + 1] - 1]] === 1 ? width : 0), 0);
            } else {
                sum = outermost(shown.calls, shown.metric, search.keys).reduce((all, node) => all + totals.width[run[node]], 0);
            }
            found = `${grouped(search.count)} functions match, ${percentage(sum, total)}`;
        }
        fill(
            this.way,
            path.length > 4 && el('span', {}, '…'),
            ...(path.length > 1 ? parts : []),
            el('span', { class: 'found', role: 'status' }, found),
            this.bottomUp && smallerNote(shown),
            button(shown.state.ice ? 'Flames' : 'Icicles', () => app.go({ ice: !shown.state.ice }), { class: 'plain', title: 'Turn the picture upside down' }),
            !this.bottomUp && shown.state.start && button('Fold the start', () => app.go({ start: false, z: '' }), { class: 'plain' }),
        );
    }

    focus() {
        this.flame.mirror.element.focus({ preventScroll: true });
    }

    /** Closer to the whole by one step; false if there is none. */
    out() {
        if (this.app.state.z === '') {
            return false;
        }
        this.app.go({ z: '' });
        return true;
    }
}

/**
 * @param {App} app
 * @param {Box} box
 */
function nameOf(app, box) {
    return app.session.info(app.shown().keys, box.key).name || box.name;
}
