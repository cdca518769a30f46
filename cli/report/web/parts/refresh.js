// Newer profiles from the server, on demand or by the second.

/** @import { App } from '../app.js' */

import { announce, button } from './dom.js';
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
        this.now = button('⟳', () => this.read(), { 'aria-label': 'Refresh', title: 'Read the profile again (r)' });
        this.often = button('', () => this.offer(), { 'aria-haspopup': 'menu', title: 'How often the profile is read again', class: 'often' });
        this.name();
    }

    name() {
        this.often.textContent = this.period === 0 ? 'on demand' : `every ${this.period}s`;
    }

    offer() {
        const bounds = this.often.getBoundingClientRect();
        const items = PERIODS.map((seconds) => ({
            label: seconds === 0 ? 'On demand' : `Every ${seconds === 1 ? 'second' : `${seconds} seconds`}`,
            checked: this.period === seconds,
            run: () => this.set(seconds),
        }));
        openMenu(items, bounds.left, bounds.bottom + 4);
    }

    /** @param {number} seconds */
    set(seconds) {
        this.period = seconds;
        this.name();
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
            this.app.replace(await this.app.source.read({ refresh: '1' }));
        } catch (error) {
            this.period = 0;
            this.name();
            announce(`No newer profile: ${error instanceof Error ? error.message : error}`);
        } finally {
            this.isBusy = false;
            this.now.classList.remove('busy');
        }
        this.plan();
    }
}
