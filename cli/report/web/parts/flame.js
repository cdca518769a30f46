// Flame graph and icicle: boxes on a canvas, with a tree beside it for who does not see them.

/** @import { Box, Boxes } from '../model/boxes.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { Placed } from './layout.js' */

import { pathOf } from '../model/boxes.js';
import { isNoise } from '../model/sums.js';
import { certaintyText, valueText } from '../text/describe.js';
import { boxName } from '../text/shorten.js';
import { amount, grouped } from '../text/units.js';
import { changeColour, isDark, kindColour, themed } from './colours.js';
import { el, sizeOf } from './dom.js';
import { placed } from './layout.js';
import { hideTip, showTip } from './tip.js';
import { TreeMirror } from './tree_mirror.js';

/** Heights of a row and of its letters. */
const ROW = 21;
const FONT = '12px ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace';
/** Around letters. */
const PADDING = 5;

/**
 * @typedef {object} Handlers
 * @property {(box: Box) => void} select
 * @property {(box: Box) => void} zoom
 * @property {(box: Box, x: number, y: number) => void} menu
 * @property {(caller: Box) => void} smaller to see what is too narrow below a box
 * @property {(box: Box) => number} kind whose code a box is
 */

export class Flame {
    /**
     * @param {string} label
     * @param {Handlers} handlers
     */
    constructor(label, handlers) {
        this.handlers = handlers;
        this.canvas = el('canvas', { 'aria-hidden': 'true' });
        this.spacer = el('div', { class: 'flame-spacer' }, this.canvas);
        this.mirror = new TreeMirror(label);
        this.element = el('div', { class: 'flame' }, this.spacer, this.mirror.element);
        /** @type {Placed[]} */
        this.places = [];
        /** @type {Map<number, Placed[]>} */
        this.rows = new Map();
        this.width = 0;
        this.down = true;
        /** @type {Shown | null} */
        this.shown = null;
        /** @type {Boxes | null} */
        this.boxes = null;
        /** @type {Box | null} */
        this.zoomed = null;
        /** @type {Box | null} */
        this.selected = null;
        /** @type {Box | null} */
        this.hovered = null;
        this.listen();
        /** The size that it was drawn for. */
        this.size = '';
        new ResizeObserver(() => sizeOf(this.element) !== this.size && this.layout()).observe(this.element);
    }

    listen() {
        const { element, canvas } = this;
        element.addEventListener('scroll', () => this.draw());
        canvas.addEventListener('pointermove', (event) => this.hover(event));
        canvas.addEventListener('pointerleave', () => this.unhover());
        canvas.addEventListener('click', (event) => {
            const place = this.at(event);
            this.mirror.element.focus({ preventScroll: true });
            if (place?.box) {
                this.select(place.box);
                this.handlers.zoom(place.box);
            } else if (place) {
                this.handlers.smaller(place.caller);
            }
        });
        canvas.addEventListener('contextmenu', (event) => {
            const box = this.at(event)?.box;
            if (box) {
                event.preventDefault();
                this.select(box);
                this.handlers.menu(box, event.clientX, event.clientY);
            }
        });
        this.mirror.element.addEventListener('keydown', (event) => this.key(event));
        this.mirror.element.addEventListener('focus', () => this.draw());
        this.mirror.element.addEventListener('blur', () => this.draw());
    }

    /**
     * @param {Shown} shown
     * @param {Boxes} boxes
     * @param {Box} zoomed what fills the picture
     * @param {boolean} down whether callees are below their callers
     */
    show(shown, boxes, zoomed, down) {
        const isSame = this.boxes === boxes && pathOf(zoomed)[0] === (this.zoomed && pathOf(this.zoomed)[0]);
        this.shown = shown;
        this.boxes = boxes;
        this.down = down;
        this.zoomed = zoomed;
        if (!isSame || !this.selected) {
            this.selected = zoomed;
        }
        this.layout();
        if (!down) {
            this.element.scrollTop = this.element.scrollHeight;
        }
    }

    layout() {
        const { boxes, zoomed } = this;
        this.width = this.element.clientWidth;
        this.size = sizeOf(this.element);
        if (!boxes || !zoomed || this.width === 0) {
            return;
        }
        this.places = placed(boxes, zoomed, this.width);
        this.rows.clear();
        let deepest = 0;
        for (const place of this.places) {
            const row = this.rows.get(place.row);
            row ? row.push(place) : this.rows.set(place.row, [place]);
            deepest = Math.max(deepest, place.row);
        }
        this.deepest = deepest;
        this.height = (deepest + 1) * ROW;
        this.spacer.style.height = `${this.height}px`;
        this.mirrorSelected();
        this.draw();
    }

    /** @param {number} row */
    top(row) {
        return this.down ? row * ROW : (this.height ?? 0) - (row + 1) * ROW;
    }

    draw() {
        const { canvas, shown } = this;
        const context = canvas.getContext('2d');
        if (!context || !shown || this.width === 0) {
            return;
        }
        const ratio = devicePixelRatio || 1;
        const height = Math.min(this.element.clientHeight, Math.max(this.height ?? 0, ROW));
        if (canvas.width !== Math.round(this.width * ratio) || canvas.height !== Math.round(height * ratio)) {
            canvas.width = Math.round(this.width * ratio);
            canvas.height = Math.round(height * ratio);
            canvas.style.width = `${this.width}px`;
            canvas.style.height = `${height}px`;
        }
        const scroll = Math.min(this.element.scrollTop, Math.max(0, (this.height ?? 0) - height));
        context.setTransform(ratio, 0, 0, ratio, 0, -scroll * ratio);
        context.clearRect(0, scroll, this.width, height);
        context.font = FONT;
        context.textBaseline = 'middle';
        const brush = new Brush(context, shown, this.handlers.kind);
        for (const [row, places] of this.rows) {
            const top = this.top(row);
            if (top + ROW >= scroll && top <= scroll + height) {
                for (const place of places) {
                    brush.box(place, top, place.box !== null && place.box === this.hovered);
                }
            }
        }
        const own = this.places.find((place) => place.box !== null && place.box === this.selected);
        if (own) {
            brush.outline(own, this.top(own.row), document.activeElement === this.mirror.element);
        }
    }

    /** @param {MouseEvent} event */
    at(event) {
        const bounds = this.canvas.getBoundingClientRect();
        const x = event.clientX - bounds.left;
        const height = this.canvas.clientHeight;
        const scroll = Math.min(this.element.scrollTop, Math.max(0, (this.height ?? 0) - height));
        const y = event.clientY - bounds.top + scroll;
        const row = Math.floor((this.down ? y : (this.height ?? 0) - y) / ROW);
        return this.rows.get(row)?.find((place) => x >= place.x && x < place.x + place.width) ?? null;
    }

    /** @param {PointerEvent} event */
    hover(event) {
        const place = this.at(event);
        const box = place?.box ?? null;
        if (this.shown && place) {
            showTip(event.clientX, event.clientY, box ? this.describe(box) : this.describeSmall(place));
        } else {
            hideTip();
        }
        this.canvas.style.cursor = box ? 'pointer' : 'default';
        if (box !== this.hovered) {
            this.hovered = box;
            this.draw();
        }
    }

    unhover() {
        hideTip();
        this.hovered = null;
        this.draw();
    }

    /** @param {Box} box */
    describe(box) {
        const shown = /** @type {Shown} */ (this.shown);
        return [box.name, valueText(shown, box), certaintyText(shown, box)].filter((line) => line !== '');
    }

    /** @param {Placed} place */
    describeSmall(place) {
        const { unit } = /** @type {Shown} */ (this.shown);
        return [
            `${grouped(place.count)} boxes too narrow to draw`,
            `${amount(place.value, unit)} below ${place.caller.name}; click to ${place.caller === this.zoomed ? 'see them in the table' : 'come closer'}`,
        ];
    }

    /** @param {Box} box */
    select(box) {
        this.selected = box;
        this.handlers.select(box);
        this.mirrorSelected();
        this.reveal(box);
        this.draw();
    }

    /** @param {Box} box */
    reveal(box) {
        const top = this.top(box.depth);
        const { scrollTop, clientHeight } = this.element;
        if (top < scrollTop) {
            this.element.scrollTop = top;
        } else if (top + ROW > scrollTop + clientHeight) {
            this.element.scrollTop = top + ROW - clientHeight;
        }
    }

    mirrorSelected() {
        if (this.selected && this.boxes) {
            this.mirror.show(this.selected, this.boxes, (box) => this.describe(box).join(', '));
        }
    }

    /** @param {KeyboardEvent} event */
    key(event) {
        const { boxes, selected } = this;
        if (!boxes || !selected || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const siblings = selected.parent ? boxes.below(selected.parent) : [selected];
        const place = siblings.indexOf(selected);
        const out = selected.parent;
        const into = boxes.below(selected).find((box) => box.width > 0) ?? null;
        const moves = /** @type {Record<string, Box | null | undefined>} */ ({
            ArrowUp: this.down ? out : into,
            ArrowDown: this.down ? into : out,
            ArrowLeft: siblings[place - 1],
            ArrowRight: siblings[place + 1],
            Home: pathOf(selected)[0],
        });
        if (event.key in moves) {
            const box = moves[event.key];
            if (box) {
                this.select(box);
            }
        } else if (event.key === 'Enter' || event.key === ' ') {
            this.handlers.zoom(selected);
        } else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
            const own = this.places.find((one) => one.box === selected);
            const bounds = this.canvas.getBoundingClientRect();
            this.handlers.menu(selected, bounds.left + (own?.x ?? 0), bounds.top + this.top(selected.depth) + ROW);
        } else {
            return;
        }
        event.preventDefault();
    }
}

/** Draws boxes. */
class Brush {
    /**
     * @param {CanvasRenderingContext2D} context
     * @param {Shown} shown
     * @param {(box: Box) => number} kind
     */
    constructor(context, shown, kind) {
        this.context = context;
        this.shown = shown;
        this.kind = kind;
        this.letter = context.measureText('0').width;
        this.dark = isDark();
        this.text = themed('--box-text');
        this.faint = themed('--faint');
        this.line = themed('--focus');
        this.hatch = hatching(context, themed('--hatch'));
        this.small = themed('--small');
    }

    /**
     * @param {Placed} place
     * @param {number} top
     * @param {boolean} hovered
     */
    box(place, top, hovered) {
        const { context, shown } = this;
        const { box, x } = place;
        // A gap between neighbours, where there is room for one.
        const width = place.width > 3 ? place.width - 1 : place.width;
        const height = ROW - 1;
        if (!box) {
            context.fillStyle = this.small;
            context.fillRect(x, top, width, height);
            const label = `${grouped(place.count)} too narrow to draw`;
            if ((width - 2 * PADDING) / this.letter >= label.length) {
                context.fillStyle = this.text;
                context.fillText(label, x + PADDING, top + height / 2 + 1);
            }
            return;
        }
        const isOut = shown.search !== null && box.key !== -1 && !shown.search.keys[box.key];
        context.globalAlpha = place.around ? 0.55 : isOut ? 0.25 : 1;
        context.fillStyle = this.colour(box);
        context.beginPath();
        context.roundRect(x, top, width, height, width > 6 ? 3 : 0);
        context.fill();
        if (shown.metric.sampled && !shown.difference && isNoise(box)) {
            context.fillStyle = this.hatch;
            context.fill();
        }
        if (hovered) {
            context.strokeStyle = this.text;
            context.lineWidth = 1;
            context.stroke();
        }
        const room = Math.floor((width - 2 * PADDING) / this.letter);
        if (room >= 2) {
            context.globalAlpha = isOut ? 0.5 : place.around ? 0.8 : 1;
            context.fillStyle = this.text;
            context.fillText(boxName(box.name, room), x + PADDING, top + height / 2 + 1);
        }
        context.globalAlpha = 1;
    }

    /** @param {Box} box */
    colour(box) {
        if (this.shown.difference) {
            return changeColour(box.width > 0 ? box.value / box.width : 0, this.shown.metric.sampled && isNoise(box));
        }
        return box.key === -1 ? this.faint : kindColour(this.kind(box), box.name, this.dark);
    }

    /**
     * @param {Placed} place
     * @param {number} top
     * @param {boolean} strong
     */
    outline(place, top, strong) {
        const { context } = this;
        context.strokeStyle = this.line;
        context.lineWidth = strong ? 2 : 1;
        context.strokeRect(place.x + 1, top + 1, Math.max(place.width - 3, 1), ROW - 3);
    }
}

/**
 * Lines across what is within the noise.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 */
function hatching(context, colour) {
    const tile = document.createElement('canvas');
    tile.width = 6;
    tile.height = 6;
    const brush = /** @type {CanvasRenderingContext2D} */ (tile.getContext('2d'));
    brush.strokeStyle = colour;
    brush.lineWidth = 1.2;
    brush.beginPath();
    for (const shift of [-6, 0, 6]) {
        brush.moveTo(shift, 6);
        brush.lineTo(shift + 6, 0);
    }
    brush.stroke();
    return context.createPattern(tile, 'repeat') ?? colour;
}
