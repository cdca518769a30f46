// A profile of 100,000 stacks, or as many as STACKS says: how large the page is, and that it works. Times are told beside
// what is asked of them, not judged: scripts/bench-report says what they are on a machine that does nothing else.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { open, selected, withBrowser } from './browser.mjs';
import { HEAPTRACE, file, pageOf, reportRows } from './heaptrace.mjs';

withBrowser();

const STACKS = process.env.STACKS ?? '100000';

test(`${STACKS} stacks`, async (context) => {
    const bytes = execFileSync(join(dirname(HEAPTRACE), 'examples/large_profile'), [STACKS], { maxBuffer: 1 << 30 });
    const profile = file('large.prof', gzipSync(bytes, { level: 6 }));
    const path = pageOf(profile);
    const [whole, size] = [statSync(profile).size, statSync(path).size];
    context.diagnostic(`profile ${whole} bytes, page ${size} bytes: ${(size / whole).toFixed(2)} (1.5 is asked for)`);
    assert.ok(size <= 1.5 * whole, `the page has ${size} bytes, the profile ${whole}`);

    const { page, notes, close } = await open(path, { hash: '#/flamegraph' });
    const first = await page.evaluate(() => performance.getEntriesByName('heaptrace.shown')[0].startTime);
    const asked = (limit) => (STACKS === '100000' ? ` (${limit} ms are asked for)` : '');
    context.diagnostic(`first flame graph after ${Math.round(first)} ms${asked(1000)}`);
    /** How long a change of the address takes until what it asks for is drawn. */
    const time = async (what, hash) => {
        const took = await page.evaluate(async (to) => {
            const start = performance.now();
            location.hash = to;
            await new Promise((done) => addEventListener('hashchange', done, { once: true }));
            return performance.now() - start;
        }, hash);
        context.diagnostic(`${what}: ${Math.round(took)} ms${asked(100)}`);
    };
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const zoomed = page.url();
    assert.match(zoomed, /z=\d/);
    const name = await page.locator('.details h2').textContent();
    await time('zoom out', '#/flamegraph?');
    await time('zoom in', zoomed.slice(zoomed.indexOf('#')));
    await time('another index', '#/flamegraph?si=alloc_objects');
    await time('search', '#/flamegraph?q=function_1%5Cd*7%24');
    assert.match(await page.locator('.way .found').textContent(), /functions match, \d/);
    await time('pivot', `#/sandwich?${new URLSearchParams({ p: `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$` })}`);
    await time('bottom-up', '#/bottomup?');
    await time('top', '#/top?');
    // A page that does not have all calls says so.
    if ((await page.locator('.hint').getByText('too small for one page').count()) === 0) {
        const theirs = reportRows(profile);
        assert.equal(Number(await page.locator('table.top').getAttribute('aria-rowcount')) - 1, theirs.length);
        assert.equal(await page.locator('tbody .name button').first().getAttribute('title'), theirs[0].name);
    }
    await time('focus', `#/flamegraph?f=${encodeURIComponent('function_1\\d*7$')}`);
    await time('graph', '#/graph?');
    await time('tree map', '#/treemap?');
    const tiles = await page.locator('.tile').count();
    assert.ok(tiles > 100 && tiles < 2000, `${tiles} tiles`);
    assert.match(await page.locator('.way').textContent(), /; [\d,]+ too small to draw hold \d/);
    assert.deepEqual(notes.faults, []);
    await close();
});
