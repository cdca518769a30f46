// The heap over time.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */

import { amount } from '../text/units.js';
import { button, el, fill } from '../parts/dom.js';
import { svg } from '../parts/svg.js';
import { hideTip, showTip } from '../parts/tip.js';

/** @typedef {import('../data/profile.js').Profile['timeLine']} TimeLine */
/** @typedef {{ title: string, at: (point: number) => number, lines: { name: string, kind: string, value: (point: number) => number }[], unit: string }} Chart */

const MARGIN = { left: 78, right: 16, top: 10, bottom: 26 };
const MARKS = 4;

export class TimelineView {
    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.lead = el('div', { class: 'way' });
        this.holder = el('div', { class: 'timeline', tabindex: '0', role: 'group', 'aria-label': 'The heap over time: + and − to come closer and back, arrows to move', keydown: (/** @type {KeyboardEvent} */ event) => this.key(event) });
        this.element = el('div', { class: 'picture' }, this.lead, this.holder);
        /** @type {[number, number] | null} the part of the time that is shown, in points */
        this.window = null;
        new ResizeObserver(() => this.draw()).observe(this.holder);
    }

    /** @param {Shown} shown */
    update(shown) {
        void shown;
        // A newer profile may have put points together.
        if (this.window && this.window[1] >= this.app.profile.timeLine.at.length) {
            this.window = null;
        }
        this.draw();
    }

    draw() {
        const line = this.app.profile.timeLine;
        const count = line.at.length;
        if (count < 2) {
            fill(this.holder, el('p', { class: 'hint' }, 'This profile has no time line: those that heaptrace writes of a program have one.'));
            return;
        }
        const [from, to] = this.window ?? [0, count - 1];
        const time = (/** @type {number} */ first, /** @type {number} */ last) => amount(line.at[last] - line.at[first], 'nanoseconds');
        const most = line.most.slice(from, to + 1).reduce((a, b) => Math.max(a, b), 0);
        const part = this.window ? ` from ${time(0, from)} on` : '; drag over a part, or press +, to come closer';
        fill(
            this.lead,
            el('span', { role: 'status' }, `At most ${amount(most, 'bytes')} in use in ${time(from, to)} of ${time(0, count - 1)}${part}`),
            this.window && button('All of it', () => this.look(null), { class: 'plain' }),
        );
        // Nobody knows it of a process that has just ended.
        const known = line.resident.slice();
        known.forEach((bytes, i) => (known[i] = bytes || known[i - 1] || 0));
        const resident = known.some((bytes) => bytes > 0);
        const inUse = { name: 'in use', kind: 'area', value: (/** @type {number} */ i) => line.most[i] };
        const held = resident ? [inUse, { name: 'resident set', kind: 'stroke', value: (/** @type {number} */ i) => known[i] }] : [inUse];
        const rate = (/** @type {number} */ i) => {
            const time = i === 0 ? 0 : (line.at[i] - line.at[i - 1]) / 1e9;
            return time > 0 ? (line.allocated[i] - line.allocated[i - 1]) / time : 0;
        };
        const at = (/** @type {number} */ i) => line.at[i];
        fill(
            this.holder,
            this.chart({ title: 'Heap in use', at, lines: held, unit: '' }, from, to),
            this.chart({ title: 'Allocated per second', at, lines: [{ name: 'allocated', kind: 'area', value: rate }], unit: '/s' }, from, to),
        );
    }

    /** @param {[number, number] | null} part */
    look(part) {
        this.window = part;
        this.draw();
    }

    /** @param {KeyboardEvent} event */
    key(event) {
        const count = this.app.profile.timeLine.at.length;
        const [from, to] = this.window ?? [0, count - 1];
        const step = Math.max(1, Math.round((to - from) / 4));
        const moves = /** @type {Record<string, [number, number]>} */ ({
            '+': [from + step, to - step],
            '=': [from + step, to - step],
            '-': [from - step, to + step],
            ArrowLeft: [from - Math.min(step, from), to - Math.min(step, from)],
            ArrowRight: [from + Math.min(step, count - 1 - to), to + Math.min(step, count - 1 - to)],
        });
        const [first, last] = moves[event.key] ?? [0, 0];
        if (last - first < 2) {
            return;
        }
        this.look(first <= 0 && last >= count - 1 ? null : [Math.max(first, 0), Math.min(last, count - 1)]);
        event.preventDefault();
    }

    /** Back to all of it; false if that is shown. */
    out() {
        const isPart = this.window !== null;
        this.window && this.look(null);
        return isPart;
    }

    /**
     * @param {Chart} chart
     * @param {number} from
     * @param {number} to
     */
    chart(chart, from, to) {
        const width = Math.max(280, this.holder.clientWidth);
        const height = Math.max(150, Math.floor(this.holder.clientHeight / 2) - 34);
        const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
        const points = Array.from({ length: to - from + 1 }, (_, i) => from + i);
        let most = 1;
        for (const { value } of chart.lines) {
            most = points.reduce((sofar, i) => Math.max(sofar, value(i)), most);
        }
        const span = chart.at(to) - chart.at(from) || 1;
        const x = (/** @type {number} */ i) => MARGIN.left + ((chart.at(i) - chart.at(from)) / span) * inner.width;
        const y = (/** @type {number} */ value) => MARGIN.top + (1 - value / most) * inner.height;
        const floor = MARGIN.top + inner.height;
        const picture = svg('svg', { width, height, role: 'img', 'aria-label': `${chart.title}, at most ${amount(Math.round(most), 'bytes')}${chart.unit}` });
        for (let mark = 0; mark <= MARKS; mark++) {
            const value = (most * mark) / MARKS;
            picture.append(
                svg('line', { class: 'mark', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
                svg('text', { class: 'scale', x: MARGIN.left - 8, y: y(value) + 4, 'text-anchor': 'end' }, amount(Math.round(value), 'bytes') + (value > 0 ? chart.unit : '')),
                svg('text', { class: `scale${mark % 2 === 1 ? ' between' : ''}`, x: MARGIN.left + (inner.width * mark) / MARKS, y: height - 6, 'text-anchor': mark === 0 ? 'start' : mark === MARKS ? 'end' : 'middle' }, amount(Math.round(chart.at(from) - chart.at(0) + (span * mark) / MARKS), 'nanoseconds')),
            );
        }
        for (const { kind, value } of chart.lines) {
            const steps = points.map((i) => `${x(i).toFixed(1)},${y(value(i)).toFixed(1)}`).join(' L');
            const d = kind === 'area' ? `M${x(from)},${floor} L${steps} L${x(to)},${floor} Z` : `M${steps}`;
            picture.append(svg('path', { class: kind, d }));
        }
        this.listen(picture, chart, points, x, { top: MARGIN.top, height: inner.height });
        const keys = chart.lines.length > 1 ? chart.lines.map(({ name, kind }) => el('span', { class: `key ${kind}` }, name)) : [];
        return el('figure', {}, el('figcaption', {}, chart.title, ...keys), picture);
    }

    /**
     * @param {SVGSVGElement} picture
     * @param {Chart} chart
     * @param {number[]} points
     * @param {(point: number) => number} x
     * @param {{ top: number, height: number }} room
     */
    listen(picture, chart, points, x, room) {
        const cursor = svg('line', { class: 'cursor', y1: room.top, y2: room.top + room.height, visibility: 'hidden' });
        const brush = svg('rect', { class: 'brush', y: room.top, height: room.height, width: 0, visibility: 'hidden' });
        picture.append(brush, cursor);
        /** @type {number | null} */
        let start = null;
        const nearest = (/** @type {PointerEvent} */ event) => {
            const at = event.clientX - picture.getBoundingClientRect().left;
            return points.reduce((best, i) => (Math.abs(x(i) - at) < Math.abs(x(best) - at) ? i : best), points[0]);
        };
        picture.addEventListener('pointermove', (event) => {
            const i = nearest(event);
            cursor.setAttribute('x1', String(x(i)));
            cursor.setAttribute('x2', String(x(i)));
            cursor.setAttribute('visibility', 'visible');
            const time = amount(chart.at(i) - chart.at(0), 'nanoseconds');
            showTip(event.clientX, event.clientY, [`after ${time}`, ...chart.lines.map(({ name, value }) => `${name} ${amount(Math.round(value(i)), 'bytes')}${chart.unit}`)]);
            if (start !== null) {
                brush.setAttribute('x', String(Math.min(x(start), x(i))));
                brush.setAttribute('width', String(Math.abs(x(i) - x(start))));
                brush.setAttribute('visibility', 'visible');
            }
        });
        picture.addEventListener('pointerleave', () => {
            hideTip();
            cursor.setAttribute('visibility', 'hidden');
        });
        picture.addEventListener('pointerdown', (event) => {
            start = nearest(event);
            picture.setPointerCapture(event.pointerId);
        });
        picture.addEventListener('pointerup', (event) => {
            const end = nearest(event);
            if (start !== null && Math.abs(end - start) > 1) {
                hideTip();
                this.look([Math.min(start, end), Math.max(start, end)]);
            }
            start = null;
            brush.setAttribute('visibility', 'hidden');
        });
    }

    focus() {
        this.holder.focus({ preventScroll: true });
    }
}
