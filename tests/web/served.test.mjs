// The viewer from `report --http`, in a browser and with curl.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { open, withBrowser } from './browser.mjs';
import { FOLDER, HEAPTRACE, file, large, orders, ordersAgain, output, pageOf, sqlite } from './heaptrace.mjs';

withBrowser();

const servers = [];
after(() => servers.forEach((server) => server.kill()));

/** Starts `heaptrace`, which serves something; the process and its address. */
function start(...args) {
    const server = spawn(HEAPTRACE, args, { cwd: FOLDER });
    servers.push(server);
    return new Promise((resolve, reject) => {
        let said = '';
        server.stderr.on('data', (data) => {
            said += data;
            const [url] = /http:\/\/[\w.:[\]]+/.exec(said) ?? [];
            url && resolve({ server, url });
        });
        server.on('exit', () => reject(new Error(said)));
    });
}

/** The address of a served profile. */
async function serve(...args) {
    return (await start('report', '--http', 'localhost:0', '--no-browser', ...args)).url;
}

test('the page of a server is that of a file, and asks nobody else', async () => {
    const url = await serve(orders());
    const { page, notes, close } = await open(url, { hash: '/#/top?si=alloc_space' });
    assert.equal(await page.locator('tbody .name button').first().getAttribute('title'), 'std::vector<char, std::allocator<char> >::vector');
    assert.ok(notes.requests.every((one) => one.startsWith(`${url}/`) || one.startsWith('data:')), notes.requests.join());
    assert.deepEqual(notes.faults, []);
    await close();
});

test('a newer profile is shown at the same place', async () => {
    const file = join(FOLDER, 'changing.prof');
    copyFileSync(orders(), file);
    const { page, close } = await open(await serve(file), { hash: '/#/flamegraph?si=alloc_space' });
    const total = () => page.locator('.total strong').textContent();
    const before = await total();
    copyFileSync(sqlite(), file);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.waitForFunction((text) => document.querySelector('.total strong').textContent !== text, before);
    assert.match(await page.locator('#about strong').textContent(), /^sqlite3/);
    assert.match(page.url(), /si=alloc_space/);
    await close();
});

test('addresses of pprof’s pages lead to the view', async () => {
    const url = await serve(orders());
    const { page, close } = await open(`${url}/ui/flamegraph?f=render&si=alloc_space`);
    assert.equal(await page.locator('.chip input').inputValue(), 'render');
    assert.match(page.url(), /#\/flamegraph\?f=render&si=alloc_space$/);
    await close();
});

test('names that a foreign site can have are refused, and the page is under its policy', async () => {
    const url = await serve(orders());
    const status = (...args) => output('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', ...args);
    assert.equal(status(url), '200');
    assert.equal(status('-H', 'Host: evil.example', url), '403');
    assert.equal(status(`${url}/viewer/data?refresh=1`), '200');
    assert.equal(status(`${url}/../etc/passwd`, '--path-as-is'), '404');
    const head = output('curl', '-sI', url);
    assert.match(head, /content-security-policy: default-src 'none'; script-src 'sha256-[^']+';.*frame-ancestors 'none'/i);
    assert.doesNotMatch(head, /unsafe|access-control/i);
    assert.match(head, /x-content-type-options: nosniff/i);
});

test('the profile can be had as a file', async () => {
    const url = await serve(orders());
    output('curl', '-s', '-o', 'downloaded.prof', `${url}/download`);
    const top = (file) => output('go', 'tool', 'pprof', '-symbolize=none', '-top', '-sample_index=alloc_space', file).split('\n').slice(-8);
    assert.deepEqual(top('downloaded.prof'), top(orders()));
});

/** Allocates as many MiB as each line of its input says, and some small blocks, and says so. */
const OBEDIENT = `
import sys
kept = []
for line in sys.stdin:
    kept.append([bytearray(1 << 20) for _ in range(int(line))] + [bytearray(2000) for _ in range(200)])
    print(len(kept), flush=True)
`;

test('a program that goes on is shown as it is now, and what came since a moment', async () => {
    const { server, url } = await start('run', '--http', 'localhost:0', '--rate', '16KiB', '-o', 'live.prof', '--children', 'none', '--', '/usr/bin/python3', '-c', OBEDIENT);
    const allocate = async (mib) => {
        server.stdin.write(`${mib}\n`);
        await new Promise((done) => server.stdout.once('data', done));
    };
    await allocate(20);
    const { page, notes, close } = await open(url, { hash: '/#/top?si=inuse_space' });
    const mebibytes = async () => parseFloat((await page.locator('.total strong').textContent()).replace(/MB$/, ''));
    const changed = (from) => page.waitForFunction((text) => document.querySelector('.total').textContent !== text, from);
    const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 3, `${value} is about ${wanted}`);
    near(await mebibytes(), 20);
    let before = await page.locator('.total').textContent();
    await allocate(40);
    await page.keyboard.press('r');
    await changed(before);
    near(await mebibytes(), 60);
    before = await page.locator('.total').textContent();
    await page.getByRole('button', { name: 'since the beginning' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Since now' }).or(page.getByRole('menuitem', { name: 'Since now' })).click();
    await changed(before);
    before = await page.locator('.total').textContent();
    await allocate(10);
    await page.keyboard.press('r');
    await changed(before);
    near(await mebibytes(), 10);
    assert.match(await page.locator('.total').textContent(), /more in use ?± [\d.]+kB \(95%\)$/);
    assert.deepEqual(notes.faults, []);
    server.stdin.end();
    await new Promise((done) => server.once('exit', done));
    await page.keyboard.press('r');
    await page.waitForFunction(() => document.getElementById('toast')?.textContent.startsWith('No newer profile'));
    await close();
});

const totalOf = (page) => page.locator('.total strong').textContent();

/** Looks at one of several profiles. */
async function choose(page, label) {
    const before = await totalOf(page);
    await page.getByLabel('Profile').selectOption({ label });
    await page.waitForFunction((text) => document.querySelector('.total strong').textContent !== text, before);
}

test('of several profiles each can be looked at alone, served and in one file', async () => {
    for (const place of [await serve(orders(), sqlite()), pageOf(orders(), sqlite())]) {
        const { page, notes, close } = await open(place, { hash: `${place.startsWith('http') ? '/' : ''}#/top?si=alloc_space` });
        await page.waitForFunction(() => document.querySelectorAll('[aria-label="Profile"] option').length === 3);
        await choose(page, 'sqlite.prof');
        assert.match(await page.locator('#about strong').textContent(), /^sqlite3/);
        await choose(page, 'orders.prof');
        assert.equal(await totalOf(page), await totalAlone(orders()));
        await choose(page, 'all together');
        assert.deepEqual(notes.faults, []);
        await close();
    }
});

test('so it is where a base is subtracted from them', async () => {
    const difference = ['--diff-base', orders(), '--diff-base', sqlite()];
    const profiles = [ordersAgain(), sqlite()];
    for (const place of [await serve(...profiles, ...difference), pageOf(...profiles, ...difference)]) {
        const { page, notes, close } = await open(place, { hash: `${place.startsWith('http') ? '/' : ''}#/top?si=alloc_space` });
        await page.waitForFunction(() => document.querySelectorAll('[aria-label="Profile"] option').length === 3);
        assert.equal(await totalOf(page), await totalAlone(ordersAgain(), '--diff-base', orders()));
        await choose(page, 'again.prof');
        assert.equal(await totalOf(page), await totalAlone(ordersAgain(), ...difference));
        await choose(page, 'sqlite.prof');
        assert.equal(await totalOf(page), await totalAlone(sqlite(), ...difference));
        assert.deepEqual(notes.faults, []);
        await close();
    }
});

/** The total of the page of one profile. */
async function totalAlone(...args) {
    const { page, close } = await open(pageOf(...args), { hash: '#/top?si=alloc_space' });
    const total = await totalOf(page);
    assert.ok(await page.getByLabel('Profile').isHidden());
    await close();
    return total;
}

/** Shows another view, and waits for a part of it. */
async function goTo(page, hash, part) {
    await page.evaluate((to) => (location.hash = to), hash);
    await part.waitFor();
    return part;
}

test('what was too small for the page comes when the reader looks closely', async () => {
    const profile = file('many.prof', large(3000));
    const url = await serve('--page-nodes', '2000', profile);
    const { page, notes, close } = await open(url, { hash: '/#/flamegraph' });
    const total = await page.locator('.total strong').textContent();
    /** Goes to the largest box of the third row, comes closer to it, and goes on to what is deeper. */
    const walk = async (one, deeper) => {
        await one.keyboard.press('ArrowDown');
        await one.keyboard.press('ArrowDown');
        await one.keyboard.press('Enter');
        await deeper();
        for (let i = 0; i < 5; i++) {
            await one.keyboard.press('ArrowDown');
        }
        return (await one.locator('[role=treeitem]').allTextContents()).slice(2);
    };
    const read = page.waitForResponse((response) => response.url().includes('near='));
    const theirs = await walk(page, async () => {
        assert.equal((await read).status(), 200);
        await page.waitForFunction(() => !document.querySelector('.live .busy'));
    });
    assert.equal(await page.locator('.total strong').textContent(), total);
    assert.ok(!theirs.some((text) => text.startsWith('(smaller stacks)')), theirs.join('\n'));
    const all = await open(pageOf(profile), { hash: '#/flamegraph' });
    assert.deepEqual(theirs, await walk(all.page, async () => {}));
    // So do the calls of one function, wherever they are: of one that the page knew too little of.
    const shown = (one) => one.locator('.details .values strong').textContent();
    const missing = page.locator('.way .warning');
    assert.match(await (await goTo(page, '#/top', missing)).textContent(), /of \(smaller stacks\) may belong to these too$/);
    const name = await page.locator('tbody .name button').nth(8).getAttribute('title');
    const pivot = `#/sandwich?${new URLSearchParams({ p: `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$` })}`;
    const [response] = await Promise.all([page.waitForResponse((one) => one.url().includes('near=')), goTo(page, pivot, page.locator('.sandwich'))]);
    assert.equal(response.status(), 200);
    await page.waitForFunction(() => !document.querySelector('.live .busy'));
    await goTo(all.page, pivot, all.page.locator('.sandwich'));
    assert.equal(await shown(page), await shown(all.page));
    await all.close();
    assert.deepEqual(notes.faults, []);
    await close();
});
