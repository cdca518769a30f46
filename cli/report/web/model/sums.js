// What the runs of a tree of calls hold of one sample type, and how sure that is: view/noise.rs.

/** @import { Profile } from '../data/profile.js' */
/** @import { Calls } from './calls.js' */

/** Half of a 95% interval, in standard errors. */
const INTERVAL_95 = 1.96;

/**
 * Values by run.
 *
 * @typedef {object} Sums
 * @property {Float64Array} value
 * @property {Float64Array} width the value of each stack without its sign: in a difference, what changed
 * @property {Float64Array} samples
 * @property {Float64Array} variance
 */

/**
 * @typedef {object} Metric
 * @property {number} type
 * @property {boolean} sampled whether errors are known
 * @property {number} total what percentages are of
 * @property {Sums} self of the samples whose innermost frame the last node of a run is
 * @property {Sums} totals with what is called there: what each node of a run holds
 */

/**
 * @param {Profile} profile
 * @param {Calls} calls
 * @param {number} type
 * @param {boolean} relative whether percentages are of what the filters leave
 * @returns {Metric}
 */
export function metricOf(profile, calls, type, relative) {
    const { sampled, total } = profile.is.types[type];
    const values = profile.rows.values[type] ?? new Float64Array();
    const value = byRun(calls, values);
    // Mostly nothing is less than 0, and then the width is the value.
    const width = value.some((one) => one < 0) ? value.map(Math.abs) : value;
    const estimates = sampled ? rowEstimates(profile, type) : null;
    const none = new Float64Array(estimates ? 0 : calls.count);
    const [samples, variance] = estimates ? [estimates.samples, estimates.variance].map((of) => byRun(calls, of)) : [none, none];
    const self = { value, width, samples, variance };
    const summed = withCallees(calls, value);
    const totals = {
        value: summed,
        width: width === value ? summed : withCallees(calls, width),
        samples: estimates ? withCallees(calls, samples) : none,
        variance: estimates ? withCallees(calls, variance) : none,
    };
    return { type, sampled, total: relative ? leftIn(profile, calls, values) : total, self, totals };
}

/**
 * Sums for each run of what its samples have.
 *
 * @param {Calls} calls
 * @param {Float64Array} ofRows
 */
function byRun({ count, ofRow }, ofRows) {
    const sums = new Float64Array(count);
    for (let row = 0; row < ofRows.length; row++) {
        const run = ofRow[row];
        if (run > 0) {
            sums[run] += ofRows[row];
        }
    }
    return sums;
}

/**
 * The same with what is called there.
 *
 * @param {Calls} calls
 * @param {Float64Array} own
 */
function withCallees({ count, parent }, own) {
    const sums = own.slice();
    for (let run = count - 1; run > 0; run--) {
        sums[parent[run]] += sums[run];
    }
    return sums;
}

/**
 * The sum without signs of the samples that the filters leave; in a difference, of the base's.
 *
 * @param {Profile} profile
 * @param {Calls} calls
 * @param {Float64Array} values
 */
function leftIn(profile, calls, values) {
    const isBase = profile.is.labels.map((labels) => labels.some((label) => label.key === 'pprof::base'));
    let [all, base] = [0, 0];
    values.forEach((value, row) => {
        if (calls.ofRow[row] > 0) {
            all += Math.abs(value);
            base += isBase[profile.rows.labels[row]] ? Math.abs(value) : 0;
        }
    });
    return base || all;
}

/**
 * For each sample how many blocks were sampled, and the variance of its value. A block of Z bytes is
 * sampled with the probability p = 1 − e^(−Z/R) and stands for w = 1/p objects or Z/p bytes; of n
 * sampled blocks the variance is n·w²·(1 − p).
 *
 * @param {Profile} profile
 * @param {number} type
 */
function rowEstimates(profile, type) {
    const { is, rows } = profile;
    const count = rows.run.length;
    const samples = new Float64Array(count);
    const variance = new Float64Array(count);
    const isBytes = is.types[type].unit === 'bytes';
    const gross = rows.gross.length > 0 ? rows.gross : rows.values;
    const [objects, bytes] = pairOf(profile, type);
    const sizes = is.labels.map((labels) => {
        const label = labels.find((one) => one.key === 'bytes' && one.number !== null);
        return label?.number && label.number > 0 ? label.number : 0;
    });
    for (let row = 0; row < count; row++) {
        const most = sizes[rows.labels[row]];
        if (most === 0) {
            continue;
        }
        const mean = objects < 0 ? NaN : gross[bytes][row] / gross[objects][row];
        const size = Number.isFinite(mean) && mean > 0 ? mean : most;
        const missed = is.period <= 1 ? 0 : Math.exp(-size / is.period);
        const probability = is.period <= 1 ? 1 : -Math.expm1(-size / is.period);
        const weight = (isBytes ? size : 1) / probability;
        const blocks = Math.abs(gross[type][row]) / weight;
        // Blocks of one class differ a little in size, and so in what each stands for.
        samples[row] = Math.round(blocks);
        variance[row] = blocks * weight * weight * missed;
    }
    return { samples, variance };
}

/**
 * The sample types that count the objects and the bytes of the same blocks, −1 if there are none.
 *
 * @param {Profile} profile
 * @param {number} type
 */
function pairOf(profile, type) {
    const { types } = profile.is;
    const at = types[type].name.lastIndexOf('_');
    const kind = types[type].name.slice(0, Math.max(at, 0));
    const place = (/** @type {string} */ what) => types.findIndex((one) => one.name === `${kind}_${what}`);
    const pair = at < 0 ? [-1, -1] : [place('objects'), place('space')];
    return pair.includes(-1) ? [-1, -1] : pair;
}

/**
 * Half of the interval that holds the true value 95 times in 100.
 *
 * @param {number} variance
 */
export function halfInterval(variance) {
    return INTERVAL_95 * Math.sqrt(variance);
}

/**
 * Whether the interval holds 0.
 *
 * @param {{ value: number, variance: number }} estimate
 */
export function isNoise(estimate) {
    return halfInterval(estimate.variance) >= Math.abs(estimate.value);
}
