// The page: what is shown, and the parts that show it.

/** @import { Profile } from './data/profile.js' */
/** @import { Source } from './data/source.js' */
/** @import { Shown } from './model/session.js' */
/** @import { State, ViewName } from './model/state.js' */

import { Session } from './model/session.js';
import { readState, writeState } from './model/state.js';
import { Bar, VIEW_NAMES } from './parts/bar.js';
import { Chips } from './parts/chips.js';
import { button, fill } from './parts/dom.js';
import { openExports } from './parts/export.js';
import { help } from './parts/help.js';
import { keys } from './parts/keys.js';
import { Refresh } from './parts/refresh.js';
import { offerViews } from './parts/saved.js';
import { about, summary } from './parts/summary.js';
import { turnTheme } from './parts/theme.js';
import { FlameView } from './views/flame.js';
import { GraphView } from './views/graph.js';
import { PeekView } from './views/peek.js';
import { SandwichView } from './views/sandwich.js';
import { SizesView } from './views/sizes.js';
import { SourceView } from './views/source.js';
import { TimelineView } from './views/timeline.js';
import { TopView } from './views/top.js';
import { TreemapView } from './views/treemap.js';

/** @typedef {{ element: HTMLElement, update(shown: Shown): void, focus(): void, out?: () => boolean }} View */

export class App {
    /**
     * @param {Profile} profile
     * @param {Source} source where it is from
     */
    constructor(profile, source) {
        this.profile = profile;
        this.source = source;
        this.session = new Session(profile);
        this.state = readState(location.hash, profile.is.state);
        /** @type {Map<ViewName, View>} */
        this.views = new Map();
        this.bar = new Bar(this, part('bar'), part('sample'));
        this.chips = new Chips(this, part('chips'));
        about(this, part('about'));
        const exporter = button('⤓', () => openExports(this, exporter), { 'aria-label': 'Export', title: 'Export', 'aria-haspopup': 'menu' });
        const saved = button('☆', () => offerViews(this, saved), { 'aria-label': 'Saved views', title: 'Saved views', 'aria-haspopup': 'menu' });
        this.refresh = new Refresh(this);
        fill(part('tools'), this.refresh.element, saved, exporter,
            button('◐', () => this.turn(), { 'aria-label': 'Light or dark', title: 'Light or dark' }),
            button('?', help, { 'aria-label': 'Keys', title: 'Keys' }));
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.update());
        addEventListener('hashchange', () => {
            const state = readState(location.hash, this.profile.is.state);
            if (writeState(state) !== writeState(this.state)) {
                this.state = state;
                this.update();
            }
        });
        addEventListener('keydown', (event) => keys(this, event));
        this.update();
    }

    /**
     * Shows a newer profile, at the same place.
     *
     * @param {Profile} profile
     */
    replace(profile) {
        const before = this.shown().keys.names;
        this.profile = profile;
        this.session = new Session(profile);
        const numbers = new Map(this.shown().keys.names.map((name, key) => [name, key]));
        const way = this.state.z === '' ? [] : this.state.z.split('.').map(Number);
        const moved = way.map((key) => (key < 0 ? key : (numbers.get(before[key]) ?? -1)));
        about(this, part('about'));
        this.bar.offer(profile.is.types);
        this.state = { ...this.state, z: moved.join('.') };
        location.replace(writeState(this.state));
        this.update();
    }

    shown() {
        return this.session.shown(this.state);
    }

    /**
     * Shows something else; the way back leads here, unless it replaces what is shown.
     *
     * @param {Partial<State>} change
     * @param {boolean} [replaces]
     */
    go(change, replaces = false) {
        const state = { ...this.state, ...change };
        const address = writeState(state);
        if (address === writeState(this.state) && location.hash !== '') {
            return;
        }
        this.state = state;
        if (replaces) {
            location.replace(address);
        } else {
            location.hash = address;
        }
        this.update();
    }

    update() {
        const shown = this.shown();
        const view = this.view();
        const main = part('view');
        if (main.firstElementChild !== view.element) {
            main.replaceChildren(view.element);
        }
        main.setAttribute('aria-label', VIEW_NAMES[this.state.view]);
        this.bar.update(shown);
        this.chips.update(shown);
        summary(this, shown, part('totals'));
        view.update(shown);
    }

    /** @returns {View} */
    view() {
        const { view: name } = this.state;
        let view = this.views.get(name);
        if (!view) {
            view = this.make(name);
            this.views.set(name, view);
        }
        return view;
    }

    /**
     * @param {ViewName} name
     * @returns {View}
     */
    make(name) {
        switch (name) {
            case 'flamegraph':
                return new FlameView(this, false);
            case 'bottomup':
                return new FlameView(this, true);
            case 'sandwich':
                return new SandwichView(this);
            case 'top':
                return new TopView(this);
            case 'source':
                return new SourceView(this);
            case 'peek':
                return new PeekView(this);
            case 'graph':
                return new GraphView(this);
            case 'treemap':
                return new TreemapView(this);
            case 'sizes':
                return new SizesView(this);
            case 'timeline':
                return new TimelineView(this);
        }
    }

    focusView() {
        this.view().focus();
    }

    turn() {
        turnTheme();
        this.update();
    }
}

/** @param {string} id */
function part(id) {
    return /** @type {HTMLElement} */ (document.getElementById(id));
}
