// What the profile is, and how much it holds.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */

import { amount, grouped } from '../text/units.js';
import { halfInterval } from '../model/sums.js';
import { button, el, fill } from './dom.js';

/** What sample types count, in words. */
const MEANINGS = /** @type {Record<string, string>} */ ({
    inuse_space: 'in use',
    inuse_objects: 'blocks in use',
    alloc_space: 'allocated in all',
    alloc_objects: 'blocks allocated in all',
    peak_space: 'in use at the peak',
    peak_objects: 'blocks in use at the peak',
});

/** What is little against something that many times as large. */
const LITTLE = 100;

/**
 * @param {App} app
 * @param {HTMLElement} element
 */
export function about(app, element) {
    const { about: is } = app.profile.is;
    const more = is.more > 0 ? ` and ${is.more} more` : '';
    const parts = [
        is.pid && `pid ${is.pid}`,
        is.time > 0 && new Date(is.time).toLocaleString(),
        is.duration > 0 && `for ${amount(is.duration * 1e6, 'nanoseconds')}`,
        is.rate !== null && (is.rate === 1 ? 'every allocation' : `a sample every ${amount(is.rate, 'bytes')}`),
        is.samples !== null && `${grouped(is.samples)} samples`,
    ].filter((part) => typeof part === 'string');
    const command = is.command ? is.command + more : '';
    document.title = command ? `${command} – heaptrace` : 'heaptrace';
    fill(element, command !== '' && el('strong', { title: command }, command), el('span', {}, parts.join(' · ')));
}

/**
 * @param {App} app
 * @param {Shown} shown
 * @param {HTMLElement} element
 */
export function summary(app, shown, element) {
    const { profile } = app;
    const { is } = profile;
    const type = is.types[shown.type];
    const whole = {
        value: shown.metric.totals.value[0],
        variance: shown.metric.totals.variance[0],
    };
    const isWhole = [...'fihs', 'sf', 'tf', 'ti', 'own'].every((name) => !shown.state[/** @type {'f'} */ (name)]);
    const half = Math.round(halfInterval(whole.variance));
    const losses = is.about.losses.map(([what, count]) => `${grouped(count)} ${what} lost`);
    const hints = [...is.about.hints];
    if (is.left_out > 0) {
        hints.push(`${grouped(is.left_out)} calls too small for one page are summed up as (smaller stacks)`);
    }
    fill(
        element,
        el('p', { class: 'total' },
            el('strong', {}, amount(is.difference ? Math.abs(whole.value) : whole.value, type.unit)),
            el('span', {}, `${!is.difference ? '' : whole.value < 0 ? 'less ' : 'more '}${MEANINGS[type.name] ?? type.name}${isWhole ? '' : ', of what the filters leave'}`),
            half > 0 && el('span', { class: 'error' }, `± ${amount(half, type.unit)} (95%)`)),
        ...losses.map((loss) => el('p', { class: 'warning' }, loss)),
        emptiness(app, shown),
        ...hints.map((hint) => el('p', { class: 'hint' }, hint)),
        ...is.about.comments.map((comment) => el('p', { class: 'hint' }, comment)),
    );
}

/**
 * Where there is more to see, if there is next to nothing here: at the end of a program that cleans up, little is in use.
 *
 * @param {App} app
 * @param {Shown} shown
 */
function emptiness(app, shown) {
    const { types } = app.profile.is;
    const { unit, total } = types[shown.type];
    const others = types.filter((type) => type.unit === unit && type.total > LITTLE * total);
    if (others.length === 0 || (total !== 0 && !others.some((type) => type.name.startsWith('peak_')))) {
        return null;
    }
    const choices = others.map((type) => button(type.name, () => app.go({ si: type.name, z: '' }), { class: 'plain' }));
    return el('p', { class: 'hint' }, total === 0 ? 'There is nothing here; look at ' : 'There is next to nothing here; look at ', ...choices.reverse());
}
