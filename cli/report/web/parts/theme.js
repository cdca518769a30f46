// Light or dark: as the reader's system has it, until told otherwise.

import { isDark } from './colours.js';
import { recall, remember } from './memory.js';

export function restoreTheme() {
    const theme = recall('theme');
    if (theme === 'light' || theme === 'dark') {
        document.documentElement.dataset.theme = theme;
    }
}

export function turnTheme() {
    const theme = isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    remember('theme', theme);
}
