// Whether everybody can use the page: an audit of each view, and room on small screens.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { open, withBrowser } from './browser.mjs';
import { profileOf } from './builder.mjs';
import { go, orders, ordersAgain, pageOf } from './heaptrace.mjs';
import { VIEWS } from '../../cli/report/web/model/state.js';

withBrowser();

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe complains of in what is shown. */
async function complaints(page, what) {
    const { violations } = await page.evaluate(() => axe.run());
    return violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map((node) => node.html).join('\n')}`);
}

for (const dark of [false, true]) {
    test(`axe finds nothing to complain of, ${dark ? 'dark' : 'light'}`, async () => {
        const { page, close } = await open(pageOf(orders()), { dark });
        await page.evaluate(AXE);
        for (const view of VIEWS) {
            await show(page, `#/${view}?si=alloc_space&f=handle&q=std&p=checksum`);
            assert.deepEqual(await complaints(page, view), []);
        }
        await page.getByRole('button', { name: 'Export' }).click();
        assert.deepEqual(await complaints(page, 'menu'), []);
        await page.keyboard.press('Escape');
        await page.keyboard.press('?');
        assert.deepEqual(await complaints(page, 'help'), []);
        await close();
    });
}

test('nor in a difference, of strange names, and of a profile without most of what ours have, on a small screen', async () => {
    const strange = profileOf('strange.prof', [[['<b>', ' ', 'a'.repeat(500), '{data}'], 100], [['main'], 1]]);
    for (const path of [pageOf(ordersAgain(), '--diff-base', orders()), pageOf(strange), pageOf(go().cpu)]) {
        const { page, close } = await open(path, { width: 400 });
        await page.evaluate(AXE);
        for (const view of VIEWS) {
            await show(page, `#/${view}?q=std&f=(`);
            assert.deepEqual(await complaints(page, view), []);
        }
        await close();
    }
});

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
