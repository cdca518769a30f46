// Source lines in the reader's editor, by the links that editors listen to.

import { ask } from './ask.js';
import { openMenu } from './menu.js';
import { recall, remember } from './memory.js';

/** Editors with their links. */
const EDITORS = /** @type {Record<string, string>} */ ({
    'VS Code': 'vscode://file{file}:{line}',
    VSCodium: 'vscodium://file{file}:{line}',
    Cursor: 'cursor://file{file}:{line}',
    Zed: 'zed://file{file}:{line}',
    'IntelliJ IDEA': 'idea://open?file={file}&line={line}',
    CLion: 'clion://open?file={file}&line={line}',
    RustRover: 'rustrover://open?file={file}&line={line}',
    TextMate: 'txmt://open?url=file://{file}&line={line}',
});

function template() {
    return recall('editor') || EDITORS['VS Code'];
}

/** What the editor is called; its link if that is not known. */
export function editorName() {
    const own = template();
    return Object.keys(EDITORS).find((name) => EDITORS[name] === own) ?? own.replace(/:.*/s, '');
}

/**
 * The link to a line; empty where the place of the file is not known.
 *
 * @param {string} file
 * @param {number} line
 */
export function editorLink(file, line) {
    if (!file.startsWith('/')) {
        return '';
    }
    const escaped = file.split('/').map(encodeURIComponent).join('/');
    return template().replaceAll('{file}', escaped).replaceAll('{line}', String(Math.max(line, 1)));
}

/** @param {string} link */
export function openInEditor(link) {
    const anchor = document.createElement('a');
    anchor.href = link;
    anchor.click();
}

/**
 * @param {Element} below
 * @param {() => void} changed
 */
export function offerEditors(below, changed) {
    const choose = (/** @type {string} */ link) => {
        remember('editor', link);
        changed();
    };
    const own = template();
    const known = Object.entries(EDITORS).map(([name, link]) => ({ label: name, hint: link, checked: link === own, run: () => choose(link) }));
    const other = { label: 'Another…', hint: own, run: () => askForLink(own, choose) };
    const bounds = below.getBoundingClientRect();
    openMenu([...known, other], bounds.left, bounds.bottom + 4);
}

/**
 * @param {string} own
 * @param {(link: string) => void} choose
 */
function askForLink(own, choose) {
    ask('Link to a line', '{file} is the path, {line} the number of the line', own, (link) => {
        if (!isLink(link)) {
            return 'A link is SCHEME://… with {file} in it';
        }
        choose(link);
        return '';
    });
}

/**
 * No scheme that runs something in this page.
 *
 * @param {string} text
 */
function isLink(text) {
    return /^[a-z][a-z0-9+.-]*:\/\/\S*\{file\}/i.test(text) && !/^(javascript|data|blob|file):/i.test(text);
}
