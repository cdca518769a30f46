// The lines of functions with what each holds.

/** @import { Profile } from '../data/profile.js' */
/** @import { Shown, Session } from './session.js' */
/** @import { Row } from './rows.js' */

import { frameInfo } from '../data/frame.js';

/** @typedef {{ number: number, text: string | null, flat: number, cum: number }} Line */
/** @typedef {{ name: string, file: string, kind: number, cum: number, flat: number, hasSource: boolean, lines: Line[] }} Routine */

/** Lines shown around those that hold something. */
const MARGIN = 5;

/**
 * The functions whose name is one of these, each in one source file, those that hold most first.
 *
 * @param {Session} session
 * @param {Shown} shown by lines
 * @param {(name: string, kind: number) => boolean} isWanted
 * @param {number} limit
 * @returns {Routine[]}
 */
export function routinesOf(session, shown, isWanted, limit) {
    const { profile } = session;
    /** @type {Map<string, Row[]>} */
    const groups = new Map();
    const rows = session.rows(shown);
    for (const key of rows.keys) {
        const info = frameInfo(profile, shown.keys.frames[key]);
        if (isWanted(info.name, info.kind)) {
            const identity = `${info.name}\n${info.file}`;
            const group = groups.get(identity);
            group ? group.push(rows.row(key)) : groups.set(identity, [rows.row(key)]);
        }
    }
    const size = (/** @type {Row[]} */ rows) => rows.reduce((sum, row) => sum + Math.abs(row.cum.value), 0);
    const sorted = [...groups.values()].sort((a, b) => size(b) - size(a));
    return sorted.slice(0, limit).map((rows) => routine(profile, shown, rows));
}

/**
 * @param {Profile} profile
 * @param {Shown} shown
 * @param {Row[]} rows
 * @returns {Routine}
 */
function routine(profile, shown, rows) {
    const infos = rows.map((row) => frameInfo(profile, shown.keys.frames[row.key]));
    const { name, file, fileIndex, kind, start } = infos[0];
    /** @type {Map<number, Line>} */
    const lines = new Map();
    rows.forEach((row, i) => {
        const { line: number } = infos[i];
        const line = lines.get(number) ?? { number, text: null, flat: 0, cum: 0 };
        line.flat += row.flat.value;
        line.cum += row.cum.value;
        lines.set(number, line);
    });
    const numbers = [...lines.keys()].filter((number) => number > 0);
    const first = Math.min(...numbers);
    const from = start > 0 && start <= first ? start : first - MARGIN;
    const to = Math.max(...numbers) + MARGIN;
    let hasSource = false;
    for (const excerpt of profile.is.excerpts) {
        if (excerpt.file !== fileIndex) {
            continue;
        }
        excerpt.text.split('\n').forEach((text, i) => {
            const number = excerpt.first + i;
            if (number >= from && number <= to) {
                hasSource = true;
                const line = lines.get(number);
                line ? (line.text = text) : lines.set(number, { number, text, flat: 0, cum: 0 });
            }
        });
    }
    const sorted = [...lines.values()].sort((a, b) => a.number - b.number);
    const sum = (/** @type {'flat' | 'cum'} */ what) => sorted.reduce((all, line) => all + line[what], 0);
    return { name, file, kind, flat: sum('flat'), cum: sum('cum'), hasSource, lines: sorted };
}
