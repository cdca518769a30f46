// The viewer from `report --http`, in a browser and with curl.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { open, withBrowser } from './browser.mjs';
import { FOLDER, HEAPTRACE, orders, output, sqlite } from './heaptrace.mjs';

withBrowser();

const servers = [];
after(() => servers.forEach((server) => server.kill()));

/** Starts a server; its address. */
function serve(...args) {
    const server = spawn(HEAPTRACE, ['report', '--http', 'localhost:0', '--no-browser', ...args]);
    servers.push(server);
    return new Promise((resolve, reject) => {
        let said = '';
        server.stderr.on('data', (data) => {
            said += data;
            const [, url] = /(http:\/\/\S+)\//.exec(said) ?? [];
            url && resolve(url);
        });
        server.on('exit', () => reject(new Error(said)));
    });
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
