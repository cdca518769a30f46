// Keys that work wherever the reader is.

/** @import { App } from '../app.js' */
/** @import { ViewName } from '../model/state.js' */

import { VIEW_NAMES } from './bar.js';
import { help } from './help.js';

/** Letters for what the buttons beside a picture do. */
const ACTIONS = /** @type {Record<string, string>} */ ({
    f: 'Focus',
    i: 'Ignore',
    h: 'Hide',
    p: 'Callers and callees',
    s: 'Source',
    c: 'Copy name',
});

/**
 * @param {App} app
 * @param {KeyboardEvent} event
 */
export function keys(app, event) {
    const { target, key } = event;
    const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) {
        return;
    }
    // 0 is behind 9.
    const view = /^\d$/.test(key) ? /** @type {ViewName} */ (Object.keys(VIEW_NAMES)[(Number(key) + 9) % 10]) : undefined;
    if (key === '/') {
        document.getElementById('search')?.focus();
    } else if (key === '?') {
        help();
    } else if (key === 'r' && app.source.isServed) {
        app.refresh.read();
    } else if (key === 't') {
        app.turn();
    } else if (key === 'Escape') {
        back(app);
    } else if (target === document.body && /^(Arrow|Page|Home|End|Enter)/.test(key)) {
        app.focusView();
        document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: false, cancelable: true }));
    } else if (view) {
        app.go({ view, z: '' });
        app.focusView();
    } else if (ACTIONS[key]) {
        const buttons = [...document.querySelectorAll('.details .actions button')];
        const found = buttons.find((button) => button.textContent === ACTIONS[key]);
        if (!(found instanceof HTMLElement)) {
            return;
        }
        found.click();
    } else {
        return;
    }
    event.preventDefault();
}

/** @param {App} app */
function back(app) {
    if (app.state.q !== '') {
        app.go({ q: '' }, true);
    } else {
        app.view().out?.();
    }
}
