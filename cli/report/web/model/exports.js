// What is shown, for other programs.

/** @import { Profile } from '../data/profile.js' */
/** @import { Calls } from './calls.js' */
/** @import { Metric } from './sums.js' */
/** @import { Shown } from './session.js' */
/** @import { Row } from './rows.js' */

import { callerOf } from './tree.js';

/**
 * Lines `a;b;c N` for flame graph tools.
 *
 * @param {Shown} shown
 */
export function folded(shown) {
    const { calls, metric } = shown;
    const lines = [];
    for (let run = 1; run < calls.count; run++) {
        if (metric.self.value[run] !== 0) {
            const names = wayTo(calls, run).map((key) => calls.keys.names[key].replaceAll(';', ':'));
            lines.push(`${names.join(';')} ${metric.self.value[run]}`);
        }
    }
    return lines.join('\n') + (lines.length > 0 ? '\n' : '');
}

/**
 * The table as comma-separated values.
 *
 * @param {readonly Row[]} rows
 * @param {Metric} metric
 */
export function csv(rows, metric) {
    const cell = (/** @type {string} */ text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    // Programs for tables take what begins so for a formula.
    const safe = (/** @type {string} */ text) => cell(/^[=+\-@\t]/.test(text) ? `'${text}` : text);
    const known = (/** @type {number} */ number) => (metric.sampled ? Math.round(number) : '');
    const lines = rows.map(({ name, flat, cum }) => [safe(name), flat.value, cum.value, known(flat.samples), known(Math.sqrt(flat.variance)), known(Math.sqrt(cum.variance))].join(','));
    return ['name,flat,cum,samples,flat_stderr,cum_stderr', ...lines].join('\n') + '\n';
}

/**
 * The form of speedscope: each sample type is a profile; inlined functions are frames like others.
 *
 * @param {Profile} profile
 * @param {Calls} calls
 * @param {Metric[]} metrics one of each sample type
 */
export function speedscope(profile, calls, metrics) {
    const { frames, functions, strings } = profile;
    const names = calls.keys.names.map((name, key) => {
        const frame = calls.keys.frames[key];
        const index = frames.function[frame] - 1;
        const file = index < 0 ? undefined : strings[functions.file[index]] || undefined;
        return { name, file, line: frames.line[frame] || undefined };
    });
    const profiles = metrics.map((metric) => {
        const { name, unit } = profile.is.types[metric.type];
        const samples = [];
        const weights = [];
        for (let run = 1; run < calls.count; run++) {
            if (metric.self.value[run] !== 0) {
                samples.push(wayTo(calls, run));
                weights.push(metric.self.value[run]);
            }
        }
        const endValue = weights.reduce((sum, weight) => sum + weight, 0);
        return { type: 'sampled', name, unit: { bytes: 'bytes', nanoseconds: 'nanoseconds' }[unit] ?? 'none', startValue: 0, endValue, samples, weights };
    });
    const document = {
        $schema: 'https://www.speedscope.app/file-format-schema.json',
        exporter: `heaptrace ${profile.is.about.version}`,
        name: profile.is.about.command ?? 'heaptrace',
        activeProfileIndex: 0,
        shared: { frames: names },
        profiles,
    };
    return JSON.stringify(document);
}

/**
 * The keys from the root to the end of a run.
 *
 * @param {Calls} calls
 * @param {number} run
 */
function wayTo(calls, run) {
    const way = [];
    for (let node = calls.start[run + 1] - 1; node > 0; node = callerOf(calls, node)) {
        way.push(calls.key[node]);
    }
    return way.reverse();
}
