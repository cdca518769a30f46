// Begins: reads the profile that is inside the page, or that its server has.

import { App } from './app.js';
import { readProfile } from './data/profile.js';
import { el } from './parts/dom.js';
import { restoreTheme } from './parts/theme.js';

restoreTheme();
begin().catch((error) => {
    const text = error instanceof Error ? error.message : String(error);
    document.getElementById('view')?.replaceChildren(el('p', { class: 'warning' }, `This page cannot be shown: ${text}`));
});

async function begin() {
    const inside = document.getElementById('data')?.textContent?.trim() ?? '';
    new App(await readProfile(decoded(inside)));
}

/** @param {string} text in base64 */
function decoded(text) {
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) {
        bytes[i] = letters.charCodeAt(i);
    }
    return bytes;
}
