// What the page computes is what `heaptrace report` prints: all rows, with their errors.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Session } from '../../cli/report/web/model/session.js';
import { readState } from '../../cli/report/web/model/state.js';
import { go, orders, ordersAgain, pageOf, profileIn, reportRows, sqlite } from './heaptrace.mjs';

/** The rows of the page in the form of those of `report --json`. */
function rows(session, address) {
    const shown = session.shown(readState(address, []));
    const found = session.largest(shown, 'flat', Infinity);
    const known = (number) => (shown.metric.sampled ? Math.round(number) : null);
    return found.map(({ name, flat, cum }) => ({
        name,
        flat: flat.value,
        cum: cum.value,
        samples: known(flat.samples),
        stderr: known(Math.sqrt(flat.variance)),
    }));
}

/** Compares the page with the report, row by row. */
function same(session, profile, address, ...args) {
    const own = rows(session, address);
    const theirs = reportRows(profile, ...args);
    assert.ok(theirs.length > 0, `${args} shows something`);
    // Sums of variances may end in another digit.
    const close = own.map((row, i) => (Math.abs(row.stderr - theirs[i]?.stderr) <= 1 ? { ...row, stderr: theirs[i].stderr } : row));
    assert.deepEqual(close, theirs, `${address} is as ${args.join(' ')}`);
}

const TYPES = ['inuse_space', 'inuse_objects', 'alloc_space', 'alloc_objects', 'peak_space', 'peak_objects'];

test('every sample type of our profiles', async () => {
    for (const profile of [orders(), sqlite()]) {
        const session = new Session(await profileIn(pageOf(profile)));
        for (const type of TYPES) {
            same(session, profile, `#/top?si=${type}`, '-s', type);
        }
    }
});

test('every granularity', async () => {
    const session = new Session(await profileIn(pageOf(sqlite())));
    for (const name of ['functions', 'filefunctions', 'files', 'lines']) {
        same(session, sqlite(), `#/top?si=alloc_space&g=${name}`, '-s', 'alloc_space', '--granularity', name);
    }
});

test('own code by line, and without inlined functions', async () => {
    const session = new Session(await profileIn(pageOf(orders())));
    same(session, orders(), '#/top?si=alloc_space&own=true', '-s', 'alloc_space', '--own');
    same(session, orders(), '#/top?si=alloc_space&noinlines=true', '-s', 'alloc_space', '--no-inlines');
});

test('every filter, with the expressions of RE2', async () => {
    const profile = orders();
    const session = new Session(await profileIn(pageOf(profile)));
    for (const [parameter, option, expression] of [
        ['f', '--focus', 'render|^std::vector'],
        ['i', '--ignore', '(?i)CHECKSUM'],
        ['h', '--hide', '^std::'],
        ['h', '--hide', '^[[:alpha:]]{6}$|stl_.*\\.h'],
        ['s', '--show', '\\Qmain\\E|handle|libc'],
        ['sf', '--show-from', 'handle'],
        ['prunefrom', '--prune-from', '^handle$|^main$'],
        ['tf', '--tag-focus', '64kb:'],
        ['tf', '--tag-focus', 'bytes=1b:4kb'],
        ['ti', '--tag-ignore', '64kb:'],
    ]) {
        const address = `#/top?si=alloc_space&${new URLSearchParams([[parameter, expression]])}`;
        same(session, profile, address, '-s', 'alloc_space', option, expression);
    }
});

test('profiles of Go, of heap and CPU', async () => {
    for (const [profile, types] of [
        [go().heap, ['alloc_space', 'inuse_space', 'alloc_objects']],
        [go().cpu, ['cpu', 'samples']],
    ]) {
        const session = new Session(await profileIn(pageOf(profile)));
        for (const type of types) {
            same(session, profile, `#/top?si=${type}`, '-s', type);
        }
    }
});

test('differences', async () => {
    for (const option of ['--base', '--diff-base']) {
        const difference = [option, orders()];
        const session = new Session(await profileIn(pageOf(ordersAgain(), ...difference)));
        for (const type of ['alloc_space', 'inuse_objects']) {
            same(session, ordersAgain(), `#/top?si=${type}`, '-s', type, ...difference);
        }
    }
});
