// Light or dark: as the reader's system has it, until told otherwise.

import { isDark } from './colours.js';

const NAME = 'heaptrace.theme';

export function restoreTheme() {
    try {
        const theme = localStorage.getItem(NAME);
        if (theme === 'light' || theme === 'dark') {
            document.documentElement.dataset.theme = theme;
        }
    } catch {
        // A page from disk may have nowhere to remember it.
    }
}

export function turnTheme() {
    const theme = isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    try {
        localStorage.setItem(NAME, theme);
    } catch {
        // As above.
    }
}
