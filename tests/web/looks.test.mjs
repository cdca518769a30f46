// Whether everybody can use the page: an audit of each view, and room on small screens.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { open, withBrowser } from './browser.mjs';
import { orders, pageOf } from './heaptrace.mjs';
import { VIEWS } from '../../cli/report/web/model/state.js';

withBrowser();

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

for (const dark of [false, true]) {
    test(`axe finds nothing to complain of, ${dark ? 'dark' : 'light'}`, async () => {
        const { page, close } = await open(pageOf(orders()), { dark });
        await page.evaluate(AXE);
        for (const view of VIEWS) {
            await show(page, `#/${view}?si=alloc_space&f=handle&q=std&p=checksum`);
            const { violations } = await page.evaluate(() => axe.run());
            const told = violations.map(({ id, nodes }) => `${view}: ${id}: ${nodes.map((node) => node.html).join('\n')}`);
            assert.deepEqual(told, []);
        }
        await close();
    });
}

test('nothing is wider than a small screen', async () => {
    const { page, close } = await open(pageOf(orders()), { width: 400 });
    for (const view of VIEWS) {
        await show(page, `#/${view}?si=alloc_space&p=checksum&f=handle`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 400, `${view} is ${width} wide`);
    }
    await close();
});

/** Shows another view, and waits until it is there. */
async function show(page, hash) {
    await page.evaluate((to) => (location.hash = to), hash);
    const [, view] = /^#\/(\w+)/.exec(hash);
    await page.waitForSelector(`[role=tab][aria-selected=true][data-view=${view}]`);
}
