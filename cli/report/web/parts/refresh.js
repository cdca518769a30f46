// Other profiles: another one of several; from a server also newer ones, on demand or by the second, since a moment.

/** @import { App } from '../app.js' */
/** @import { Choice, Wishes } from '../data/source.js' */

import { announce, button, el, fill } from './dom.js';
import { openMenu } from './menu.js';

/** Seconds between two profiles that can be chosen; 0: only on demand. */
const PERIODS = [0, 1, 5, 30];

export class Refresh {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.period = 0;
        this.isBusy = false;
        this.timer = 0;
        /** @type {Wishes} which profile */
        this.of = {};
        /** @type {Choice[]} */
        this.profiles = [];
        /** @type {string[]} */
        this.marks = [];
        this.since = '';
        /** What the reader came close to last. */
        this.near = '';
        this.now = button('⟳', () => this.read(), { 'aria-label': 'Refresh', title: 'Read the profile again (r)' });
        this.often = button('', () => this.offerPeriods(), { 'aria-haspopup': 'menu', title: 'How often the profile is read again' });
        this.moment = button('', () => this.offerMoments(), { 'aria-haspopup': 'menu', title: 'What is shown is what came since then' });
        this.choice = el('select', { 'aria-label': 'Profile', change: () => this.look({ of: this.profiles[this.choice.selectedIndex].wishes, since: '' }) });
        this.element = el('div', { class: 'live' }, this.choice, this.moment, this.often, this.now);
        this.now.hidden = this.often.hidden = !app.source.isServed;
        this.update();
        this.learn();
    }

    update() {
        this.often.textContent = this.period === 0 ? 'on demand' : `every ${this.period}s`;
        this.moment.textContent = this.since === '' ? 'since the beginning' : `since ${this.since}`;
    }

    /** What there is to look at. */
    async learn() {
        const { profiles, marks, live } = await this.app.source.session(this.of);
        const of = JSON.stringify(this.of);
        this.profiles = profiles;
        this.marks = marks;
        this.moment.hidden = !live;
        this.choice.hidden = profiles.length < 2;
        fill(this.choice, ...profiles.map(({ label, wishes }) => el('option', { selected: JSON.stringify(wishes) === of }, label)));
    }

    offerPeriods() {
        const items = PERIODS.map((seconds) => ({
            label: seconds === 0 ? 'On demand' : `Every ${seconds === 1 ? 'second' : `${seconds} seconds`}`,
            checked: this.period === seconds,
            run: () => this.set(seconds),
        }));
        openBelow(this.often, items);
    }

    async offerMoments() {
        await this.learn();
        const { marks } = this;
        openBelow(this.moment, [
            { label: 'Since the beginning', checked: this.since === '', run: () => this.look({ since: '' }) },
            { label: 'Since now', hint: 'from this moment on', run: () => this.mark() },
            ...marks.map((name) => ({ label: `Since ${name}`, hint: 'a mark', checked: this.since === name, run: () => this.look({ since: name }) })),
        ]);
    }

    /** From now on only what comes after this moment is shown. */
    async mark() {
        const name = new Date().toLocaleTimeString();
        try {
            await this.app.source.mark(this.of, name);
            this.look({ since: name });
        } catch (error) {
            announce(`This moment cannot be kept: ${error instanceof Error ? error.message : error}`);
        }
    }

    /** @param {{ of?: Wishes, since?: string }} what */
    look(what) {
        Object.assign(this, what, { near: '' });
        this.update();
        this.read();
    }

    /**
     * Gets the stacks that were too small for the page, where the reader looks closely now.
     *
     * @param {string} way
     */
    comeNear(way) {
        if (way !== '' && way !== this.near && this.app.source.isServed && !this.isBusy) {
            this.near = way;
            this.read('');
        }
    }

    /** @param {number} seconds */
    set(seconds) {
        this.period = seconds;
        this.update();
        clearTimeout(this.timer);
        this.plan();
    }

    plan() {
        if (this.period > 0) {
            this.timer = setTimeout(() => this.read(), this.period * 1000);
        }
    }

    /** @param {string} [refresh] whether the profile is to be newer */
    async read(refresh = '1') {
        if (this.isBusy) {
            return;
        }
        clearTimeout(this.timer);
        this.isBusy = true;
        this.now.classList.add('busy');
        try {
            this.app.replace(await this.app.source.read({ refresh, ...this.of, since: this.since, near: this.near }));
        } catch (error) {
            this.period = 0;
            this.update();
            announce(`No newer profile: ${error instanceof Error ? error.message : error}`);
        } finally {
            this.isBusy = false;
            this.now.classList.remove('busy');
        }
        this.plan();
    }
}

/**
 * @param {Element} element
 * @param {Parameters<typeof openMenu>[0]} items
 */
function openBelow(element, items) {
    const bounds = element.getBoundingClientRect();
    openMenu(items, bounds.left, bounds.bottom + 4);
}
