// A question that is answered by a line of text.

import { button, el } from './dom.js';

/**
 * @param {string} title
 * @param {string} hint
 * @param {string} value
 * @param {(text: string) => string} answer what is wrong with the text; empty if it was taken
 */
export function ask(title, hint, value, answer) {
    const input = el('input', { value, 'aria-label': title, 'aria-describedby': 'ask-hint', spellcheck: 'false', autocomplete: 'off' });
    const wrong = el('p', { class: 'warning', role: 'alert' });
    const take = () => {
        wrong.textContent = answer(input.value.trim());
        if (wrong.textContent === '') {
            dialog.close();
        }
    };
    input.addEventListener('keydown', (event) => {
        if (event.key === 'Enter') {
            event.preventDefault();
            take();
        }
    });
    const dialog = el('dialog', { class: 'ask', 'aria-labelledby': 'ask-title' },
        el('h2', { id: 'ask-title' }, title),
        el('p', { id: 'ask-hint', class: 'hint' }, hint),
        input,
        wrong,
        el('div', { class: 'actions' }, button('OK', take), button('Cancel', () => dialog.close())));
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    input.select();
}
