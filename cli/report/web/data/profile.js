// A profile as the page gets it: the other end of render/html/data.rs.

import { Columns } from './columns.js';

/**
 * @typedef {{ name: string, unit: string, total: number, sampled: boolean }} SampleType
 * @typedef {{ key: string, text: string, number: number | null, unit: string }} Label
 * @typedef {{ file: number, first: number, text: string }} Excerpt
 * @typedef {{
 *   version: string, command: string | null, pid: string | null, more: number, time: number, duration: number,
 *   rate: number | null, samples: number | null, losses: [string, number][], comments: string[], hints: string[],
 * }} About
 * @typedef {{
 *   about: About, types: SampleType[], default_type: number, difference: boolean, period: number,
 *   strings: string[], labels: Label[][], excerpts: Excerpt[], left_out: number, state: [string, string][],
 *   columns: { name: string, count: number, bytes: number }[],
 * }} Description
 */

/**
 * Nodes are numbered from 1, each behind its caller; node 0 is around all.
 *
 * @typedef {object} Profile
 * @property {Description} is
 * @property {string[]} strings
 * @property {{ function: Float64Array, line: Float64Array, mapping: Float64Array, kind: Float64Array }} frames
 *     the function and the mapping are numbered from 1, 0 is none
 * @property {{ name: Float64Array, file: Float64Array, start: Float64Array }} functions
 * @property {Float64Array} mappings the file of each
 * @property {Int32Array} parent of each node
 * @property {Int32Array} frame of each node
 * @property {{ at: Float64Array, most: Float64Array, allocated: Float64Array, resident: Float64Array }} timeLine in
 *     nanoseconds and bytes
 * @property {{ node: Int32Array, labels: Int32Array, values: Float64Array[], gross: Float64Array[] }} rows
 */

/** Whose code a frame is: the bits of `frames.kind` above the lowest, which tells that it is inlined. */
export const KINDS = ['own', 'library', 'language', 'system'];

/**
 * @param {Uint8Array} bytes compressed
 * @returns {Promise<Profile>}
 */
export async function readProfile(bytes) {
    const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
    const all = new Uint8Array(await new Response(stream).arrayBuffer());
    const length = new DataView(all.buffer).getUint32(0, true);
    /** @type {Description} */
    const is = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + length)));
    const columns = new Columns(all.subarray(4 + length), is.columns);
    const tree = readTree(columns);
    const one = (/** @type {string} */ name) => columns.read(name);
    return {
        is,
        strings: is.strings,
        ...tree,
        frames: {
            function: one('frame.function'),
            line: one('frame.line'),
            mapping: one('frame.mapping'),
            kind: one('frame.kind'),
        },
        functions: { name: one('function.name'), file: one('function.file'), start: one('function.start') },
        mappings: one('mapping.file'),
        timeLine: {
            at: one('time.at'),
            most: one('time.most'),
            allocated: one('time.allocated'),
            resident: one('time.resident'),
        },
        rows: {
            node: summed(one('row.node')),
            labels: Int32Array.from(one('row.labels')),
            values: columns.readAllSigned('value'),
            gross: columns.readAllSigned('gross'),
        },
    };
}

/**
 * A node is told by how many of the callers before it are none of its own, and by which of the callees
 * of its caller's frame it is.
 *
 * @param {Columns} columns
 */
function readTree(columns) {
    const ups = columns.cursor('up');
    const ranks = columns.cursor('rank');
    const news = columns.cursor('new');
    const { count } = ups;
    const parent = new Int32Array(count + 1).fill(-1);
    const frame = new Int32Array(count + 1).fill(-1);
    // Frame 0, which calls nothing, stands for what is around all.
    const edges = new Callees(columns.cursor('frame.function').count, news.count);
    let frames = 1;
    let at = 0;
    for (let i = 0; i < count; i++) {
        for (let up = ups.next(); up > 0; up--) {
            at = parent[at];
        }
        const rank = ranks.next();
        const caller = at === 0 ? 0 : frame[at];
        const node = i + 1;
        parent[node] = at;
        if (rank === edges.count[caller]) {
            const number = frames - news.next();
            edges.add(caller, number);
            frames += number === frames ? 1 : 0;
            frame[node] = number;
        } else {
            frame[node] = edges.get(caller, rank);
        }
        at = node;
    }
    return { parent, frame };
}

/**
 * For each frame its callees, in blocks that double: arrays of arrays take several times as long.
 */
class Callees {
    /**
     * @param {number} frames
     * @param {number} edges
     */
    constructor(frames, edges) {
        this.count = new Int32Array(frames);
        this.start = new Int32Array(frames);
        this.items = new Int32Array(4 * edges + 8);
        this.end = 0;
    }

    /**
     * @param {number} caller
     * @param {number} callee
     */
    add(caller, callee) {
        const count = this.count[caller]++;
        // Full at 0, 1, 2, 4, 8…
        if ((count & (count - 1)) === 0) {
            const room = count === 0 ? 1 : count * 2;
            const start = this.start[caller];
            this.items.copyWithin(this.end, start, start + count);
            this.start[caller] = this.end;
            this.end += room;
        }
        this.items[this.start[caller] + count] = callee;
    }

    /**
     * @param {number} caller
     * @param {number} rank
     */
    get(caller, rank) {
        return this.items[this.start[caller] + rank];
    }
}

/**
 * Rows tell how far their node is from that of the row before, counted from node 1.
 *
 * @param {Float64Array} gaps
 */
function summed(gaps) {
    const sums = new Int32Array(gaps.length);
    let sum = 1;
    for (let i = 0; i < gaps.length; i++) {
        sum += gaps[i];
        sums[i] = sum;
    }
    return sums;
}
