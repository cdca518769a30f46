// What a page does not know by function because it was too small for one.

/** @import { Shown } from '../model/session.js' */

import { SMALLER } from '../model/keys.js';
import { amount, percentage } from '../text/units.js';
import { el } from './dom.js';

/**
 * How much more functions may hold than the page says, null if it has all of it.
 *
 * @param {Shown} shown
 */
export function smallerNote({ calls, keys, metric, unit }) {
    const { count, key, start } = calls;
    const smaller = keys.names.indexOf(SMALLER);
    let held = 0;
    for (let run = 1; run < count; run++) {
        held += key[start[run + 1] - 1] === smaller ? metric.self.width[run] : 0;
    }
    const much = `${amount(held, unit)}, ${percentage(held, metric.total)}`;
    return held > 0 && el('span', { class: 'warning', title: 'Stacks that were too small for this page are summed up there by what calls them' }, `${much}, of ${SMALLER} may belong to these too`);
}
