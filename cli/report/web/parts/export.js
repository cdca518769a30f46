// Files for other programs, made by the page.

/** @import { App } from '../app.js' */

import { Boxes } from '../model/boxes.js';
import { csv, folded, speedscope } from '../model/exports.js';
import { metricOf } from '../model/sums.js';
import { boxName } from '../text/shorten.js';
import { valueText } from '../text/describe.js';
import { changeColour, kindColour } from './colours.js';
import { el } from './dom.js';
import { boxAt, placed } from './layout.js';
import { openMenu } from './menu.js';
import { svg } from './svg.js';

/**
 * @param {App} app
 * @param {Element} below
 */
export function openExports(app, below) {
    const shown = app.shown();
    const bounds = below.getBoundingClientRect();
    openMenu(
        [
            { label: 'Folded stacks', hint: 'a;b;c N, for flame graph tools', run: () => save('folded.txt', 'text/plain', folded(shown)) },
            { label: 'speedscope', hint: 'all sample types', run: () => save('speedscope.json', 'application/json', speedscopeText(app)) },
            { label: 'Flame graph as SVG', hint: 'as it is zoomed now', run: () => save('flame.svg', 'image/svg+xml', picture(app)) },
            { label: 'Table as CSV', hint: 'all rows', run: () => save('top.csv', 'text/csv', table(app)) },
        ],
        bounds.left,
        bounds.bottom + 4,
    );
}

/**
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
function save(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    el('a', { href: url, download: `heaptrace.${name}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {App} app */
function speedscopeText(app) {
    const { calls, state } = app.shown();
    return speedscope(app.profile, calls, app.profile.is.types.map((_, type) => metricOf(app.profile, calls, type, state.rel)));
}

/** @param {App} app */
function table(app) {
    const shown = app.shown();
    return csv(app.session.largest(shown, 'flat', Infinity), shown.metric);
}

/** @param {App} app */
function picture(app) {
    const [width, row] = [1200, 18];
    const shown = app.shown();
    const boxes = new Boxes(shown.calls, shown.metric, null);
    const root = shown.state.view === 'bottomup' ? boxes.fromLeaves() : boxes.fromRoots();
    const places = placed(boxes, boxAt(boxes, root, shown.state.z), width);
    const height = (places.reduce((most, place) => Math.max(most, place.row), 0) + 1) * row;
    const drawing = svg('svg', { xmlns: 'http://www.w3.org/2000/svg', width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': 'monospace', 'font-size': 11 });
    for (const { box, x, width: own, row: depth } of places) {
        if (box) {
            // On paper, with dark letters.
            const fill = shown.difference
                ? changeColour(box.width > 0 ? box.value / box.width : 0, false, false)
                : kindColour(app.session.kind(shown.keys, box.key), box.name, false);
            drawing.append(svg('g', {},
                svg('title', {}, `${box.name}: ${valueText(shown, box)}`),
                svg('rect', { x: x.toFixed(2), y: depth * row, width: Math.max(own - 0.5, 0.5).toFixed(2), height: row - 1, rx: 2, fill }),
                svg('text', { x: (x + 4).toFixed(2), y: depth * row + 12, fill: '#111' }, boxName(box.name, Math.floor((own - 8) / 6.7)))));
        }
    }
    return new XMLSerializer().serializeToString(drawing);
}
