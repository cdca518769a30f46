// The row with the views, the sample type and the search.

/** @import { App } from '../app.js' */
/** @import { SampleType } from '../data/profile.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { ViewName } from '../model/state.js' */

import { grouped } from '../text/units.js';
import { button, el, fill } from './dom.js';

/** @type {Record<ViewName, string>} */
export const VIEW_NAMES = {
    flamegraph: 'Flame graph',
    sandwich: 'Sandwich',
    bottomup: 'Bottom-up',
    top: 'Top',
    source: 'Source',
    peek: 'Peek',
    graph: 'Graph',
    treemap: 'Tree map',
    sizes: 'Sizes',
    timeline: 'Time',
};

export class Bar {
    /**
     * @param {App} app
     * @param {HTMLElement} element
     * @param {HTMLElement} sample the place of the sample type
     */
    constructor(app, element, sample) {
        this.app = app;
        this.types = el('select', { 'aria-label': 'Sample', change: () => app.go({ si: this.types.value, z: '' }) });
        this.offer(app.profile.is.types);
        this.search = el('input', {
            type: 'search', id: 'search', placeholder: 'Search functions', 'aria-label': 'Search functions: a regular expression',
            autocomplete: 'off', spellcheck: 'false',
            input: () => app.go({ q: this.search.value }, true),
            keydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
        });
        this.found = el('span', { id: 'found', role: 'status' });
        this.views = el('div', { class: 'views', role: 'tablist', 'aria-label': 'Views', keydown: (/** @type {KeyboardEvent} */ event) => this.turn(event) });
        fill(sample, this.types);
        fill(element, this.views, el('div', { class: 'search' }, this.search, this.found));
    }

    /** @param {SampleType[]} types */
    offer(types) {
        if (types.map((type) => type.name).join() !== [...this.types.options].map((option) => option.value).join()) {
            fill(this.types, ...types.map((type) => el('option', { value: type.name }, type.name)));
        }
    }

    /** @param {Shown} shown */
    update(shown) {
        const { state, search } = shown;
        fill(this.views, ...Object.entries(VIEW_NAMES).map(([view, name]) =>
            button(name, () => this.app.go({ view: /** @type {ViewName} */ (view), z: '' }), {
                role: 'tab', 'data-view': view, 'aria-selected': String(view === state.view), tabindex: view === state.view ? '0' : '-1', 'aria-controls': 'view',
            })));
        const tab = /** @type {HTMLElement | null} */ (this.views.querySelector('[aria-selected="true"]'));
        if (tab && (tab.offsetLeft < this.views.scrollLeft || tab.offsetLeft + tab.offsetWidth > this.views.scrollLeft + this.views.clientWidth)) {
            this.views.scrollLeft = tab.offsetLeft - this.views.clientWidth / 3;
        }
        this.types.value = this.app.profile.is.types[shown.type].name;
        if (document.activeElement !== this.search) {
            this.search.value = state.q;
        }
        const wrong = search?.wrong ?? '';
        this.search.setAttribute('aria-invalid', String(wrong !== ''));
        this.search.title = wrong;
        this.found.textContent = !search ? '' : wrong || `${grouped(search.count)} found`;
    }

    /** @param {KeyboardEvent} event */
    key(event) {
        if (event.key === 'Enter' && this.search.value !== '') {
            // As in pprof: what was searched for is focused on.
            this.app.go({ f: this.search.value, q: '', z: '' });
            this.search.value = '';
            this.app.focusView();
        } else if (event.key === 'Escape') {
            this.search.value = '';
            this.app.go({ q: '' }, true);
            this.app.focusView();
        } else {
            return;
        }
        event.preventDefault();
        event.stopPropagation();
    }

    /** @param {KeyboardEvent} event */
    turn(event) {
        const tabs = [...this.views.querySelectorAll('button')];
        const place = tabs.findIndex((tab) => tab.getAttribute('aria-selected') === 'true');
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) {
            tabs.at((place + step) % tabs.length)?.click();
            this.views.querySelector('button[aria-selected="true"]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
            /** @type {HTMLElement | null} */ (this.views.querySelector('button[aria-selected="true"]'))?.focus();
            event.preventDefault();
        }
    }
}
