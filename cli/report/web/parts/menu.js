// A menu at the pointer, or below a button.

import { button, el } from './dom.js';

/** @type {(() => void) | null} */
let close = null;

/**
 * @param {{ label: string, run: () => void, hint?: string, checked?: boolean }[]} items
 * @param {number} x
 * @param {number} y
 */
export function openMenu(items, x, y) {
    close?.();
    const before = document.activeElement;
    const entries = items.map((item) =>
        button(
            item.label,
            () => {
                close?.();
                item.run();
            },
            item.checked === undefined
                ? { role: 'menuitem', tabindex: '-1', title: item.hint }
                : { role: 'menuitemcheckbox', 'aria-checked': String(item.checked), tabindex: '-1', title: item.hint },
        ),
    );
    const menu = el('div', { role: 'menu', class: 'menu', 'aria-label': 'Actions' }, ...entries);
    document.querySelector('main')?.append(menu);
    const { width, height } = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
    menu.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
    entries[0]?.focus();
    const leave = (/** @type {Event} */ event) => {
        if (!(event.target instanceof Node && menu.contains(event.target))) {
            close?.();
        }
    };
    close = () => {
        close = null;
        menu.remove();
        document.removeEventListener('pointerdown', leave, true);
        if (before instanceof HTMLElement) {
            before.focus({ preventScroll: true });
        }
    };
    document.addEventListener('pointerdown', leave, true);
    menu.addEventListener('keydown', (event) => {
        const place = entries.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
        const moves = /** @type {Record<string, number>} */ ({ ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 });
        if (event.key in moves) {
            entries.at(moves[event.key] % entries.length)?.focus();
            event.preventDefault();
        } else if (event.key === 'Escape' || event.key === 'Tab') {
            close?.();
            event.preventDefault();
        }
        event.stopPropagation();
    });
}
