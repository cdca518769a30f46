// The page from disk in a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { VIEWS } from '../../cli/report/web/model/state.js';
import { open, selected, withBrowser } from './browser.mjs';
import { profileOf } from './builder.mjs';
import { heaptrace, orders, ordersAgain, pageOf, reportRows, sqlite } from './heaptrace.mjs';

withBrowser();

test('a page from disk asks for nothing, and breaks no rule of its own', async () => {
    const { page, notes, close } = await open(pageOf(orders()));
    for (const tab of await page.locator('[role=tab]').all()) {
        await tab.click();
    }
    assert.deepEqual(notes.requests.filter((url) => !url.startsWith('data:')).length, 1);
    assert.deepEqual(notes.faults, []);
    await close();
});

test('the total is that of the sample type, and Back leads to the one before', async () => {
    const { page, close } = await open(pageOf(orders()));
    const total = () => page.locator('.total strong').textContent();
    const select = page.getByLabel('Sample');
    const before = await total();
    await select.selectOption('alloc_space');
    const header = heaptrace('report', orders());
    assert.match(header, new RegExp(`allocated +${(await total()).replace('.', '\\.')} `));
    assert.match(page.url(), /si=alloc_space/);
    await page.goBack();
    await page.waitForFunction((text) => document.querySelector('.total strong').textContent === text, before);
    await close();
});

test('a click comes closer to a box, Escape leads back', async () => {
    const { page, close } = await open(pageOf(orders()), { hash: '#/flamegraph?si=alloc_space' });
    await page.locator('.flame canvas').click({ position: { x: 60, y: 21 * 3 + 8 } });
    assert.match(page.url(), /z=/);
    assert.equal(await page.locator('.way [aria-current]').textContent(), 'handle');
    assert.match(await page.locator('.details h2').textContent(), /^handle$/);
    await page.keyboard.press('Escape');
    assert.doesNotMatch(page.url(), /z=/);
    await close();
});

test('keys walk through the tree, which is told to who does not see it', async () => {
    const { page, close } = await open(pageOf(orders()), { hash: '#/flamegraph?si=alloc_space' });
    for (let i = 0; i < 3; i++) {
        await page.keyboard.press('ArrowDown');
    }
    assert.match(await selected(page).textContent(), /^handle, .*GB, \d/);
    assert.equal(await selected(page).getAttribute('aria-level'), '4');
    await page.keyboard.press('ArrowRight');
    assert.equal(await selected(page).getAttribute('aria-posinset'), '2');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.way [aria-current]').textContent(), 'handle');
    await page.keyboard.press('f');
    assert.equal(await page.locator('.chip input').inputValue(), '^handle$');
    await page.keyboard.press('4');
    assert.equal(await page.locator('[role=tab][aria-selected=true]').textContent(), 'Top');
    await page.keyboard.press('?');
    assert.ok(await page.getByRole('dialog').isVisible());
    await page.keyboard.press('Escape');
    await close();
});

test('a search finds, becomes a filter, and the filter can be taken away', async () => {
    const { page, close } = await open(pageOf(orders()), { hash: '#/top?si=alloc_space' });
    const count = async () => Number(await page.locator('table.top').getAttribute('aria-rowcount')) - 1;
    const all = await count();
    await page.keyboard.press('/');
    await page.keyboard.type('checksum|render');
    assert.equal(await count(), 2);
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.chip input').inputValue(), 'checksum|render');
    const theirs = reportRows(orders(), '-s', 'alloc_space', '--focus', 'checksum|render');
    assert.equal(await count(), theirs.length);
    await page.getByRole('button', { name: 'Remove focus' }).click();
    assert.equal(await count(), all);
    await close();
});

test('an expression that is none is shown as wrong, and shows all', async () => {
    const { page, close } = await open(pageOf(orders()), { hash: '#/flamegraph?f=a(%3F%3Db)' });
    assert.match(await page.locator('.chip.wrong em').textContent(), /unsupported Perl syntax/);
    assert.doesNotMatch(await page.locator('.total').textContent(), /^0/);
    await page.keyboard.press('/');
    await page.keyboard.type('(');
    assert.equal(await page.locator('#search').getAttribute('aria-invalid'), 'true');
    await close();
});

test('the rows of the table are those of the report', async () => {
    const { page, close } = await open(pageOf(sqlite()), { hash: '#/top?si=alloc_space' });
    const theirs = reportRows(sqlite(), '-s', 'alloc_space');
    const found = new Map();
    const scroller = page.locator('.scroller');
    for (let top = 0; found.size < theirs.length; top += 300) {
        await scroller.evaluate((element, to) => element.scrollTo(0, to), top);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        const rows = await page.locator('tbody tr:not(.gap)').evaluateAll((lines) =>
            lines.map((line) => [line.getAttribute('aria-rowindex'), line.querySelector('.name button').title]),
        );
        rows.forEach(([index, name]) => found.set(Number(index), name));
        assert.ok(top < 30 * theirs.length + 2000, 'all rows come by');
    }
    assert.deepEqual([...found].sort(([a], [b]) => a - b).map(([, name]) => name), theirs.map((row) => row.name));
    await page.getByRole('button', { name: 'Cum', exact: true }).click();
    const cum = reportRows(sqlite(), '-s', 'alloc_space', '--cum');
    const first = () => page.locator('tbody tr .name button').first().getAttribute('title');
    assert.equal(await first(), cum[0].name);
    await page.getByRole('button', { name: 'Name', exact: true }).click();
    const names = theirs.map((row) => row.name).sort();
    assert.equal(await first(), names[0]);
    await page.getByRole('button', { name: 'Name ↑' }).click();
    assert.equal(await first(), names.at(-1));
    await close();
});

test('all calls of a function are together in the sandwich', async () => {
    const { page, close } = await open(pageOf(sqlite()), { hash: '#/sandwich?si=alloc_space&p=%5Esqlite3VdbeExec%24' });
    const row = reportRows(sqlite(), '-s', 'alloc_space').find((one) => one.name === 'sqlite3VdbeExec');
    assert.ok(row, 'sqlite3 is profiled with names');
    const stats = await page.locator('.details .values').textContent();
    const peek = heaptrace('report', '-s', 'alloc_space', '--unit', 'auto', '--peek', '^sqlite3VdbeExec$', sqlite());
    assert.ok(peek.includes(stats.split(',')[0]), `${stats} is in ${peek}`);
    await close();
});

test('names are text, whatever is in them', async () => {
    const evil = ['<img src=x onerror="document.title=\'owned\'">', '</script><script>document.title="owned"</script>', '"><b id=owned>', '__proto__', '\u202egnp.exe', '{data}', ' '];
    const profile = profileOf('evil.prof', [[evil, 100], [['constructor', '</style>'], 50]]);
    const { page, notes, close } = await open(pageOf(profile));
    for (const view of VIEWS) {
        await page.goto(page.url().replace(/#.*/, '') + `#/${view}?`);
        await page.waitForSelector('[role=tab][aria-selected=true]');
    }
    await page.goto(page.url().replace(/#.*/, '') + '#/top?');
    const names = await page.locator('tbody .name button').evaluateAll((buttons) => buttons.map((one) => one.title));
    for (const name of evil) {
        assert.ok(names.includes(name.trim() || '(a blank name)') || names.some((one) => one.includes(name.replace('\u202e', ''))), name);
    }
    assert.equal(await page.locator('#owned, #view img').count(), 0);
    assert.notEqual(await page.title(), 'owned');
    assert.deepEqual(notes.faults, []);
    await close();
});

test('what programs do before main is one box until it is opened', async () => {
    const { page, close } = await open(pageOf(orders()), { hash: '#/flamegraph?si=alloc_space' });
    await page.keyboard.press('ArrowDown');
    assert.match(await selected(page).textContent(), /^start of the program/);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    assert.match(await selected(page).textContent(), /^_start/);
    await close();
});

test('source, peek, graph, tree map, sizes and time have what they are of', async () => {
    const { page, notes, close } = await open(pageOf(orders()), { hash: '#/source?si=alloc_space&p=%5Echecksum%24' });
    assert.match(await page.locator('.source tbody').textContent(), /std::vector<char> buffer/);
    await page.goto(page.url().replace('source', 'peek'));
    assert.deepEqual(await page.locator('.peek .name').allTextContents(), ['handle', 'std::vector<char, std::allocator<char> >::vector']);
    await page.getByRole('button', { name: 'handle' }).click();
    assert.match(page.url(), /p=%5Ehandle%24/);
    await page.getByRole('tab', { name: 'Graph', exact: true }).click();
    const box = page.locator('.graph g[role=button]', { hasText: 'checksum' });
    await box.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Focus' }).click();
    assert.equal(await page.locator('.chip input').inputValue(), '^checksum$');
    await page.getByRole('tab', { name: 'Tree map' }).click();
    assert.match(await page.locator('.tile').first().getAttribute('aria-label'), /^std::vector<char.*9\d\.\d+%/);
    await page.getByRole('tab', { name: 'Sizes' }).click();
    await page.locator('.sizes tbody button').last().click();
    assert.equal(await page.locator('.chip input').nth(1).inputValue(), 'bytes=131073b:262144b');
    await page.getByRole('tab', { name: 'Time' }).click();
    assert.match(await page.locator('.timeline svg').first().getAttribute('aria-label'), /^Heap in use, at most \d/);
    assert.deepEqual(notes.faults, []);
    await close();
});

test('a part of the time line can be brought closer, and left again', async () => {
    const { page, close } = await open(pageOf(orders()), { hash: '#/timeline' });
    const bounds = await page.locator('.timeline svg').first().boundingBox();
    const status = () => page.locator('.way [role=status]').textContent();
    const whole = await status();
    // The first half has most points: a young process is looked at more often.
    await page.mouse.move(bounds.x + 80, bounds.y + 60);
    await page.mouse.down();
    await page.mouse.move(bounds.x + bounds.width / 2, bounds.y + 60, { steps: 4 });
    await page.mouse.up();
    const all = page.getByRole('button', { name: 'All of it' });
    await all.waitFor();
    assert.notEqual(await status(), whole);
    await all.click();
    assert.equal(await status(), whole);
    // The keyboard does the same.
    await page.locator('.timeline').focus();
    await page.keyboard.press('+');
    const middle = await status();
    assert.match(middle, /^At most [\d.]+\w+ in use in .* from .* on$/);
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await status(), middle);
    await page.keyboard.press('Escape');
    assert.equal(await status(), whole);
    await close();
});

test('files for other programs are saved from the page', async () => {
    const { page, close } = await open(pageOf(orders()), { hash: '#/top?si=alloc_space' });
    const save = async (name) => {
        await page.getByRole('button', { name: 'Export' }).click();
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name }).click()]);
        return readFileSync(await download.path(), 'utf8');
    };
    const lines = (text) => text.trim().split('\n').sort();
    assert.deepEqual(lines(await save('Folded stacks')), lines(heaptrace('report', '--folded', '-s', 'alloc_space', orders())));
    const picture = await save('Flame graph as SVG');
    assert.match(picture, /^<svg .*checksum.*<\/svg>$/s);
    await page.keyboard.press('t');
    assert.equal(await save('Flame graph as SVG'), picture, 'its letters are dark on any page');
    assert.match(await save('Table as CSV'), /^name,flat,cum/);
    JSON.parse(await save('speedscope'));
    await close();
});

test('a difference shows what grew, what shrank and what is noise', async () => {
    const { page, notes, close } = await open(pageOf(ordersAgain(), '--diff-base', orders()), { hash: '#/flamegraph?si=alloc_space' });
    assert.match(await page.locator('.legend').textContent(), /grewshrankwithin the noise/);
    assert.match(await page.locator('.total').textContent(), /(more|less) allocated in all/);
    for (const tab of await page.locator('[role=tab]').all()) {
        await tab.click();
    }
    assert.deepEqual(notes.faults, []);
    await close();
});

test('where nothing is in use any more, the page says where there is more to see', async () => {
    const { page, close } = await open(pageOf(sqlite()), { hash: '#/flamegraph?si=inuse_space' });
    assert.match(await page.locator('#totals').textContent(), /(nothing|next to nothing) here; look at /);
    await page.locator('#totals').getByRole('button', { name: 'alloc_space' }).click();
    assert.match(page.url(), /si=alloc_space/);
    assert.doesNotMatch(await page.locator('#totals').textContent(), /look at/);
    await close();
});

test('a view that was given a name is there again, and can be forgotten', async () => {
    const { page, notes, close } = await open(pageOf(orders()), { hash: '#/top?si=alloc_space&f=render' });
    const menu = () => page.getByRole('button', { name: 'Saved views' }).click();
    await menu();
    await page.getByRole('menuitem', { name: 'Save this view…' }).click();
    await page.keyboard.press('Enter');
    assert.equal(await page.getByRole('alert').textContent(), 'It needs a name');
    await page.keyboard.type('what render asks for');
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Sizes' }).click();
    await page.reload();
    await page.waitForSelector('[role=tab][aria-selected=true]');
    await menu();
    await page.getByRole('menuitemcheckbox', { name: 'what render asks for' }).click();
    await page.waitForFunction(() => document.querySelector('.chip input')?.value === 'render');
    assert.match(page.url(), /#\/top\?si=alloc_space&f=render$/);
    await menu();
    await page.getByRole('menuitem', { name: 'Forget what render asks for' }).click();
    await menu();
    assert.equal(await page.getByRole('menuitemcheckbox').count(), 0);
    assert.deepEqual(notes.faults, []);
    await close();
});

test('lines lead to the reader’s editor, whichever that is', async () => {
    const { page, notes, close } = await open(pageOf(orders()), { hash: '#/source?si=alloc_space&p=^handle$' });
    const link = () => page.locator('.source .number a').first().getAttribute('href');
    assert.match(await link(), /^vscode:\/\/file\/.*\/orders\.cpp:\d+$/);
    await page.getByRole('button', { name: 'Lines open in VS Code' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'IntelliJ IDEA' }).click();
    assert.match(await link(), /^idea:\/\/open\?file=\/.*\/orders\.cpp&line=\d+$/);
    const another = async (text) => {
        await page.getByRole('button', { name: 'Lines open in' }).click();
        await page.getByRole('menuitem', { name: 'Another…' }).click();
        await page.getByRole('textbox', { name: 'Link to a line' }).fill(text);
        await page.keyboard.press('Enter');
    };
    await another('javascript://{file}');
    assert.match(await page.getByRole('alert').textContent(), /^A link is/);
    await page.keyboard.press('Escape');
    await another('ed://{file}#{line}');
    await page.reload();
    await page.waitForSelector('.source .number a');
    assert.match(await link(), /^ed:\/\/\/.*\/orders\.cpp#\d+$/);
    await page.goto(page.url().replace(/#.*/, '#/top?si=alloc_space&g=functions'));
    await page.locator('tbody .name button').getByText(/^handle$/).first().click();
    assert.ok(await page.getByRole('menuitem', { name: 'Open in editor' }).isVisible());
    assert.deepEqual(notes.faults, []);
    await close();
});
