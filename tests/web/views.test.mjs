// What the views show is what `heaptrace report` says in its own: calls, stacks, lines.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Boxes } from '../../cli/report/web/model/boxes.js';
import { edgesAt, edgesBetween } from '../../cli/report/web/model/edges.js';
import { csv, folded, speedscope } from '../../cli/report/web/model/exports.js';
import { layers } from '../../cli/report/web/model/layers.js';
import { routinesOf } from '../../cli/report/web/model/listing.js';
import { Session } from '../../cli/report/web/model/session.js';
import { Sorted } from '../../cli/report/web/model/sorted.js';
import { squares } from '../../cli/report/web/model/squares.js';
import { readState } from '../../cli/report/web/model/state.js';
import { metricOf } from '../../cli/report/web/model/sums.js';
import { heaptrace, orders, pageOf, profileIn, sqlite } from './heaptrace.mjs';

const sessionOf = async (profile, ...args) => new Session(await profileIn(pageOf(profile, ...args)));
const shownOf = (session, address) => session.shown(readState(address, []));

/** The calls in `report --dot`, as `caller → callee: bytes`. */
function callsInDot(profile, ...args) {
    const dot = heaptrace('report', '--dot', '-s', 'alloc_space', '--unit', 'B', ...args, profile);
    const names = new Map([...dot.matchAll(/^(N\d+) \[.*tooltip="((?:\\.|[^"\\])*)"/gm)].map(([, id, name]) => [id, name]));
    const calls = [...dot.matchAll(/^(N\d+) -> (N\d+) \[label=" (-?\d+)B?/gm)];
    return calls.map(([, from, to, value]) => `${names.get(from)} → ${names.get(to)}: ${value}`).sort();
}

test('calls, those that pass over others too', async () => {
    const session = await sessionOf(sqlite());
    const shown = shownOf(session, '#/graph?si=alloc_space');
    const told = (edges) => edges.map((edge) => `${shown.keys.names[edge.caller]} → ${shown.keys.names[edge.callee]}: ${edge.value}`).sort();
    assert.deepEqual(told(edgesAt(shown.calls, shown.metric, new Uint8Array(shown.keys.names.length).fill(1))), callsInDot(sqlite(), '-n', '0'));
    const kept = new Uint8Array(shown.keys.names.length);
    session.sorted(shown, 'cum').slice(0, 12).forEach((key) => (kept[key] = 1));
    const some = edgesBetween(shown.calls, shown.metric, kept);
    const least = Math.floor(shown.metric.total * 0.001);
    assert.deepEqual(told(some.filter((edge) => edge.value >= least)), callsInDot(sqlite(), '-n', '12'));
});

test('folded stacks, and stacks of what filters leave', async () => {
    const session = await sessionOf(sqlite());
    for (const [address, ...args] of [['#/?si=peak_space'], ['#/?si=peak_space&h=%5Esqlite3Vdbe', '--hide', '^sqlite3Vdbe']]) {
        const own = folded(shownOf(session, address)).trim().split('\n').sort();
        const theirs = heaptrace('report', '--folded', '-s', 'peak_space', ...args, sqlite()).trim().split('\n').sort();
        assert.deepEqual(own, theirs);
    }
});

test('lines of source', async () => {
    const session = await sessionOf(orders());
    const shown = shownOf(session, '#/source?si=alloc_space&g=lines');
    const [routine] = routinesOf(session, shown, (name) => name === 'handle', 1);
    const list = heaptrace('report', '--list', '^handle$', '--unit', 'B', '-s', 'alloc_space', orders());
    const theirs = [...list.matchAll(/^ *(\.|\d+)B? +(\.|\d+)B? +(\d+):(.*)$/gm)].map(([, flat, cum, number, text]) => ({
        number: Number(number),
        text,
        flat: Number(flat.replace('.', '0')),
        cum: Number(cum.replace('.', '0')),
    }));
    assert.ok(theirs.length > 5);
    assert.deepEqual(routine.lines, theirs);
});

test('a page without source has no line of it', async () => {
    const session = await sessionOf(orders(), '--no-source');
    assert.deepEqual(session.profile.is.excerpts, []);
});

test('the tables and stacks for other programs', async () => {
    const session = await sessionOf(orders());
    const shown = shownOf(session, '#/?si=alloc_space');
    const rows = session.largest(shown, 'flat', Infinity);
    const evil = csv([{ ...rows[0], name: '=cmd,"x"' }], shown.metric).split('\n')[1];
    assert.match(evil, /^"'=cmd,""x""",/);
    assert.equal(csv(rows, shown.metric).trim().split('\n').length, rows.length + 1);
    const metrics = session.profile.is.types.map((_, type) => metricOf(session.profile, shown.calls, type, false));
    const document = JSON.parse(speedscope(session.profile, shown.calls, metrics));
    assert.deepEqual(document.profiles.map((one) => one.name), session.profile.is.types.map((one) => one.name));
    for (const [i, { samples, weights, endValue }] of document.profiles.entries()) {
        assert.equal(samples.length, weights.length);
        assert.equal(endValue, metrics[i].totals.value[0]);
        assert.ok(samples.flat().every((frame) => document.shared.frames[frame].name !== undefined));
    }
});

test('the boxes below one hold no more than it does, in every direction', async () => {
    const session = await sessionOf(sqlite());
    for (const address of ['#/?si=alloc_space', '#/?si=alloc_space&rec=true', '#/?si=alloc_space&lib=true']) {
        const shown = shownOf(session, address);
        const boxes = new Boxes(shown.calls, shown.metric, null);
        for (const root of [boxes.fromRoots(), boxes.fromLeaves()]) {
            assert.equal(root.value, shown.metric.totals.value[0]);
            const left = [root];
            for (let box = left.pop(); box; box = left.pop()) {
                const below = boxes.below(box);
                const sum = below.reduce((all, one) => all + one.width, 0);
                assert.ok(sum <= box.width, `${box.name}: ${sum} of ${box.width}`);
                left.push(...below.filter((one) => one.depth < 12));
            }
        }
    }
});

test('with recursion collapsed no stack has a function twice, and all of it is there', async () => {
    const session = await sessionOf(sqlite());
    const stacks = (address) => folded(shownOf(session, address)).trim().split('\n').map((line) => line.slice(0, line.lastIndexOf(' ')).split(';'));
    const repeats = (names) => new Set(names).size < names.length;
    assert.ok(stacks('#/?si=alloc_space').some(repeats), 'sqlite calls itself');
    assert.ok(!stacks('#/?si=alloc_space&rec=true').some(repeats));
    const total = (address) => shownOf(session, address).metric.totals.value[0];
    assert.equal(total('#/?si=alloc_space&rec=true'), total('#/?si=alloc_space'));
});

test('layers of a graph with a circle: nothing lies over anything else', () => {
    const items = [1, 2, 3, 4, 5].map((id) => ({ id, width: 100, height: 40 }));
    const arrows = [[1, 2], [2, 3], [3, 2], [1, 4], [4, 5], [1, 5], [5, 1], [3, 3]].map(([from, to]) => ({ from, to, weight: 1 }));
    const { places, ways } = layers(items, arrows.filter(({ from, to }) => from !== to));
    const all = [...places.values()];
    all.forEach((a, i) => all.slice(i + 1).forEach((b) => assert.ok(Math.abs(a.x - b.x) >= 100 || Math.abs(a.y - b.y) >= 40)));
    assert.equal(ways.length, 7);
    assert.ok(ways.flat().every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
});

test('in order is what was looked at, and all of it in the end', () => {
    const numbers = Int32Array.from({ length: 500 }, (_, i) => (i * 7919) % 501);
    const inOrder = [...numbers].sort((a, b) => a - b);
    const sorted = new Sorted(numbers, (a, b) => a - b);
    for (const [from, to] of [[3, 10], [0, 4], [200, 260], [490, 900], [0, 500]]) {
        assert.deepEqual(sorted.slice(from, to), inOrder.slice(from, to), `from ${from} to ${to}`);
    }
    assert.deepEqual(new Sorted(new Int32Array(), () => 0).slice(0, 3), []);
});

test('squares fill their room, and leave what others need', () => {
    const room = { x: 0, y: 0, width: 600, height: 400 };
    const sizes = [600, 300, 200, 50, 50];
    const area = ({ width, height }) => Math.round(width * height);
    const { places, left } = squares(sizes, 1200, room);
    assert.deepEqual([...places, left].map(area), [120000, 60000, 40000, 10000, 10000, 0]);
    assert.equal(area(squares(sizes, 2400, room).left), 120000);
    assert.ok(places.every(({ x, y, width, height }) => x >= 0 && y >= 0 && x + width <= 600.01 && y + height <= 400.01));
});
