// Newer profiles from the server: on demand or by the second, of another process, since a moment.

/** @import { App } from '../app.js' */

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
        this.pid = '';
        /** @type {string[]} */
        this.marks = [];
        this.since = '';
        this.now = button('⟳', () => this.read(), { 'aria-label': 'Refresh', title: 'Read the profile again (r)' });
        this.often = button('', () => this.offerPeriods(), { 'aria-haspopup': 'menu', title: 'How often the profile is read again' });
        this.moment = button('', () => this.offerMoments(), { 'aria-haspopup': 'menu', title: 'What is shown is what came since then' });
        this.process = el('select', { 'aria-label': 'Process', change: () => this.look({ pid: this.process.value, since: '' }) });
        this.element = el('div', { class: 'live' }, this.process, this.moment, this.often, this.now);
        this.update();
        this.learn();
    }

    update() {
        this.often.textContent = this.period === 0 ? 'on demand' : `every ${this.period}s`;
        this.moment.textContent = this.since === '' ? 'since the beginning' : `since ${this.since}`;
    }

    /** What there is to look at. */
    async learn() {
        const { processes, marks, live } = await this.app.source.session(this.pid);
        this.marks = marks;
        this.moment.hidden = !live;
        this.process.hidden = processes.length < 2;
        fill(this.process, ...processes.map(({ pid, name }) => el('option', { value: pid, selected: String(pid) === this.pid }, `${name} (${pid})`)));
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
            await this.app.source.mark(this.pid, name);
            this.look({ since: name });
        } catch (error) {
            announce(`This moment cannot be kept: ${error instanceof Error ? error.message : error}`);
        }
    }

    /** @param {{ pid?: string, since?: string }} what */
    look(what) {
        Object.assign(this, what);
        this.update();
        this.read();
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

    async read() {
        if (this.isBusy) {
            return;
        }
        clearTimeout(this.timer);
        this.isBusy = true;
        this.now.classList.add('busy');
        try {
            this.app.replace(await this.app.source.read({ refresh: '1', pid: this.pid, since: this.since }));
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
