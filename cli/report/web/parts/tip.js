// What a box is, beside the pointer.

import { el, fill } from './dom.js';

const tip = el('div', { id: 'tip', 'aria-hidden': 'true' });

/**
 * @param {number} x
 * @param {number} y
 * @param {string[]} lines
 */
export function showTip(x, y, lines) {
    if (!tip.isConnected) {
        document.body.append(tip);
    }
    fill(tip, ...lines.map((line, i) => el(i === 0 ? 'strong' : 'span', {}, line)));
    tip.classList.add('shown');
    const { width, height } = tip.getBoundingClientRect();
    const left = x + 16 + width > innerWidth ? Math.max(4, x - width - 12) : x + 16;
    const top = y + 20 + height > innerHeight ? Math.max(4, y - height - 12) : y + 20;
    tip.style.left = `${left}px`;
    tip.style.top = `${top}px`;
}

export function hideTip() {
    tip.classList.remove('shown');
}
