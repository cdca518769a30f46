// A tree of the boxes around the selected one, for who reads the page by ear: as the canvas cannot be
// read, it has the keyboard.

/** @import { Box, Boxes } from '../model/boxes.js' */

import { pathOf } from '../model/boxes.js';
import { el } from './dom.js';

/** Most boxes that are told of each kind: siblings, callees. */
const MOST = 40;

let trees = 0;

export class TreeMirror {
    /** @param {string} label */
    constructor(label) {
        this.id = `tree${trees++}`;
        this.element = el('div', { role: 'tree', tabindex: '0', class: 'mirror', 'aria-label': label });
    }

    /**
     * @param {Box} selected
     * @param {Boxes} boxes
     * @param {(box: Box) => string} describe
     */
    show(selected, boxes, describe) {
        /** @type {HTMLElement[]} */
        const items = [];
        const add = (/** @type {Box} */ box, /** @type {Box[]} */ siblings, /** @type {boolean} */ expanded) => {
            const id = box === selected ? `${this.id}-selected` : null;
            items.push(
                el('div', {
                    role: 'treeitem',
                    id,
                    'aria-level': box.depth + 1,
                    'aria-setsize': siblings.length,
                    'aria-posinset': siblings.indexOf(box) + 1,
                    'aria-expanded': expanded ? 'true' : boxes.below(box).length > 0 ? 'false' : null,
                    'aria-selected': box === selected ? 'true' : 'false',
                }, describe(box)),
            );
        };
        const path = pathOf(selected);
        for (const box of path.slice(0, -1)) {
            add(box, box.parent ? boxes.below(box.parent) : [box], true);
        }
        const siblings = selected.parent ? boxes.below(selected.parent) : [selected];
        const place = siblings.indexOf(selected);
        for (const box of siblings.slice(Math.max(0, place - MOST), place + MOST)) {
            add(box, siblings, box === selected);
            if (box === selected) {
                const below = boxes.below(box);
                below.slice(0, MOST).forEach((one) => add(one, below, false));
            }
        }
        this.element.replaceChildren(...items);
        this.element.setAttribute('aria-activedescendant', `${this.id}-selected`);
    }
}
