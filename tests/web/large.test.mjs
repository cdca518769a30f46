// A profile of 100,000 stacks: how large the page is, and that it works. How long things take is scripts/bench-viewer's.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { open, selected, withBrowser } from './browser.mjs';
import { file, large, pageOf, reportRows } from './heaptrace.mjs';

withBrowser();

test('100,000 stacks', async (context) => {
    const profile = file('large.prof', gzipSync(large(100_000), { level: 6 }));
    const path = pageOf(profile);
    const [whole, size] = [statSync(profile).size, statSync(path).size];
    context.diagnostic(`profile ${whole} bytes, page ${size} bytes: ${(size / whole).toFixed(2)}`);
    assert.ok(size <= 1.5 * whole, `the page has ${size} bytes, the profile ${whole}`);

    const { page, notes, close } = await open(path, { hash: '#/flamegraph' });
    const show = (hash, part) => page.evaluate((to) => (location.hash = to), hash).then(() => page.locator(part).first().waitFor());
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.match(page.url(), /z=\d/);
    const closer = await selected(page).textContent();
    await show('#/flamegraph?q=function_1%5Cd*7%24', '.way .found:text("functions match")');
    assert.match(await page.locator('.way .found').textContent(), /^[\d,]+ functions match, \d/);

    await show('#/sandwich?', '.sandwich');
    const theirs = reportRows(profile);
    assert.equal(await page.locator('.details h2').textContent(), theirs[0].name);
    await show('#/top?', 'table.top');
    assert.equal(Number(await page.locator('table.top').getAttribute('aria-rowcount')) - 1, theirs.length);
    assert.equal(await page.locator('tbody .name button').first().getAttribute('title'), theirs[0].name);

    // All functions hold little: the bottom-up view is a strip that says so, and leads to the table.
    await show('#/bottomup?', '.flame canvas');
    await page.locator('.flame canvas').click({ position: { x: 200, y: 21 + 8 } });
    await page.locator('table.top').waitFor();
    await show('#/treemap?', '.tile');
    const tiles = await page.locator('.tile').count();
    assert.ok(tiles > 100 && tiles < 2000, `${tiles} tiles`);
    assert.match(await page.locator('.way').textContent(), /; [\d,]+ too small to draw hold \d/);
    await show('#/graph?', '.graph svg');
    assert.ok(closer.includes('function_'), closer);
    assert.deepEqual(notes.faults, []);
    await close();
});
