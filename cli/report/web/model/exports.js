// What is shown, for other programs.

/** @import { Profile } from '../data/profile.js' */
/** @import { Calls } from './calls.js' */
/** @import { Metric } from './sums.js' */
/** @import { Shown } from './session.js' */
/** @import { Row } from './rows.js' */

/**
 * Lines `a;b;c N` for flame graph tools.
 *
 * @param {Shown} shown
 */
export function folded(shown) {
    const { calls, metric } = shown;
    const lines = [];
    for (let node = 1; node < calls.count; node++) {
        if (metric.self.value[node] !== 0) {
            const names = wayOf(calls, node).map((one) => calls.keys.names[calls.key[one]].replaceAll(';', ':'));
            lines.push(`${names.join(';')} ${metric.self.value[node]}`);
        }
    }
    return lines.join('\n') + (lines.length > 0 ? '\n' : '');
}

/**
 * The table as comma-separated values.
 *
 * @param {Row[]} rows
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
        for (let node = 1; node < calls.count; node++) {
            if (metric.self.value[node] !== 0) {
                samples.push(wayOf(calls, node).map((one) => calls.key[one]));
                weights.push(metric.self.value[node]);
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
 * The nodes from the root to one.
 *
 * @param {Calls} calls
 * @param {number} node
 */
function wayOf(calls, node) {
    const way = [];
    for (let at = node; at > 0; at = calls.parent[at]) {
        way.push(at);
    }
    return way.reverse();
}
