// What keys do.

import { button, el } from './dom.js';

const KEYS = [
    ['/', 'search; Enter focuses on what was found'],
    ['← → ↑ ↓', 'go to the neighbour, the caller, the callee'],
    ['Enter', 'come closer, or open the menu of a row'],
    ['Esc', 'take the search away, then go back to the whole'],
    ['+ −', 'closer and back in the graph and in time'],
    ['Home', 'the outermost box'],
    ['1 … 9, 0', 'the views'],
    ['f', 'focus on the selected function'],
    ['i', 'ignore it'],
    ['h', 'hide it'],
    ['p', 'its callers and callees'],
    ['s', 'its source'],
    ['c', 'copy its name'],
    ['r', 'read the profile again, where it is served'],
    ['t', 'light or dark'],
    ['?', 'this'],
];

export function help() {
    const dialog = el('dialog', { class: 'help', 'aria-labelledby': 'help-title' },
        el('h2', { id: 'help-title' }, 'Keys'),
        el('dl', {}, ...KEYS.flatMap(([key, does]) => [el('dt', {}, el('kbd', {}, key)), el('dd', {}, does)])),
        button('Close', () => dialog.close()),
    );
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
}
