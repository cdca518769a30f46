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
 * Runs of nodes, as in model/tree.js.
 *
 * @typedef {object} Runs
 * @property {Int32Array} start the first node of each, and behind the last one the number of nodes
 * @property {Int32Array} parent the run that ends with the caller
 * @property {Int32Array} first a run that begins with a callee, 0 if there is none
 * @property {Int32Array} next another one behind the same caller
 * @property {Uint8Array} hasRows whether its last node has samples
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
 * @property {Int32Array} frame of each node
 * @property {Runs} runs
 * @property {{ at: Float64Array, most: Float64Array, allocated: Float64Array, resident: Float64Array }} timeLine in
 *     nanoseconds and bytes
 * @property {{ run: Int32Array, labels: Int32Array, values: Float64Array[], gross: Float64Array[] }} rows
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
    const rowRuns = summed(columns.read('row.run'));
    const { frame, runs } = readTree(columns, rowRuns);
    const one = (/** @type {string} */ name) => columns.read(name);
    return {
        is,
        strings: is.strings,
        frame,
        runs,
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
            run: rowRuns,
            labels: Int32Array.from(one('row.labels')),
            values: columns.readAllSigned('value'),
            gross: columns.readAllSigned('gross'),
        },
    };
}

/**
 * A run is told by how many of those that lead to the one before do not lead to it, a node by which of the callees of
 * its caller's frame it is.
 *
 * @param {Columns} columns
 * @param {Int32Array} rowRuns the runs that samples belong to
 */
function readTree(columns, rowRuns) {
    const ups = columns.cursor('run.up');
    const lengths = columns.cursor('run.length');
    const ranks = columns.cursor('rank');
    const news = columns.cursor('new');
    const count = ups.count + 1;
    const frame = new Int32Array(ranks.count + 1);
    const runs = { start: new Int32Array(count + 1), parent: new Int32Array(count), first: new Int32Array(count), next: new Int32Array(count), hasRows: new Uint8Array(count) };
    runs.parent[0] = -1;
    // Frame 0, which calls nothing, stands for what is around all.
    const edges = new Callees(columns.cursor('frame.function').count, news.count);
    let frames = 1;
    /** The runs that lead to the one in hand. */
    const path = [0];
    let depth = 0;
    for (let run = 1, node = 1; run < count; run++) {
        depth -= ups.next();
        const parent = path[depth];
        path[++depth] = run;
        runs.parent[run] = parent;
        runs.start[run] = node;
        let caller = frame[runs.start[parent + 1] - 1];
        for (const end = node + lengths.next(); node < end; node++) {
            const rank = ranks.next();
            let own = 0;
            if (rank === edges.count[caller]) {
                own = frames - news.next();
                edges.add(caller, own);
                frames += own === frames ? 1 : 0;
            } else {
                own = edges.get(caller, rank);
            }
            frame[node] = caller = own;
        }
    }
    runs.start[count] = frame.length;
    for (let run = count - 1; run > 0; run--) {
        runs.next[run] = runs.first[runs.parent[run]];
        runs.first[runs.parent[run]] = run;
    }
    rowRuns.forEach((run) => (runs.hasRows[run] = 1));
    return { frame, runs };
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
 * Rows tell how far their run is from that of the row before, counted from run 1.
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
