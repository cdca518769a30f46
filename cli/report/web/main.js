// Begins: reads the profile, and shows it.

import { App } from './app.js';
import { Source } from './data/source.js';
import { el } from './parts/dom.js';
import { restoreTheme } from './parts/theme.js';

restoreTheme();
begin().catch((error) => {
    const text = error instanceof Error ? error.message : String(error);
    document.getElementById('view')?.replaceChildren(el('p', { class: 'warning' }, `This page cannot be shown: ${text}`));
});

async function begin() {
    const parts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('script.part'));
    const source = new Source(/** @type {HTMLElement} */ (document.getElementById('data')), [...parts]);
    new App(await source.read(), source);
    performance.mark('heaptrace.shown');
}
