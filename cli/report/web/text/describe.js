// An estimate in words.

import { halfInterval, isNoise } from '../model/sums.js';
import { amount, change, grouped, percentage } from './units.js';

/** @typedef {{ value: number, samples: number, variance: number }} Estimate */
/** @import { Shown } from '../model/session.js' */

/**
 * The value with its share: `1.50MB, 12.00% of inuse_space`.
 *
 * @param {Shown} shown
 * @param {Estimate} estimate
 */
export function valueText(shown, estimate) {
    const { unit, difference, metric } = shown;
    return `${change(estimate.value, unit, difference)}, ${percentage(estimate.value, metric.total)}`;
}

/**
 * How sure the value is; empty if nobody knows.
 *
 * @param {Shown} shown
 * @param {Estimate} estimate
 */
export function certaintyText(shown, estimate) {
    const { metric, unit } = shown;
    if (!metric.sampled) {
        return '';
    }
    const half = halfInterval(estimate.variance);
    const samples = `${grouped(Math.round(estimate.samples))} sample${Math.round(estimate.samples) === 1 ? '' : 's'}`;
    if (half === 0) {
        return `${samples}, exact`;
    }
    return `${samples}, ± ${amount(Math.round(half), unit)} (95%)${isNoise(estimate) ? ', within the noise' : ''}`;
}
