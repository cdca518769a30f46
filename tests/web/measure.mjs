// How large the page of a profile is, and how long what a reader does takes until it is drawn, beside pprof's page of the
// same profile: medians, and in brackets the slowest, over some rounds. Arguments are the number of rounds and of stacks.

import { execFileSync, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { launch } from './browser.mjs';
import { file, large, output, pageOf } from './heaptrace.mjs';

/** Most stacks of which pprof is asked for its page, and milliseconds that a browser has to show it. */
const PPROF_MOST = 100_000;
const PATIENCE = 300_000;

const [rounds, ...sizes] = process.argv.slice(2).map(Number);
const browser = await launch();
for (const stacks of sizes) {
    const profile = file('large.prof', gzipSync(large(stacks), { level: 6 }));
    const path = pageOf(profile);
    console.log(`${stacks} stacks: a profile of ${mebibytes(statSync(profile).size)}`);
    tell('page', `${mebibytes(statSync(path).size)}, ${(statSync(path).size / statSync(profile).size).toFixed(2)} of the profile`);
    const times = new Map();
    for (let round = 0; round < rounds; round++) {
        await measure(`file://${path}`, (what, took) => times.set(what, [...(times.get(what) ?? []), took]));
    }
    times.forEach((took, what) => tell(what, spread(took)));
    if (stacks <= PPROF_MOST) {
        await measurePprof(profile);
    }
}
await browser.close();

/**
 * Does in a new page what readers do.
 *
 * @param {string} address
 * @param {(what: string, took: number) => void} note milliseconds
 */
async function measure(address, note) {
    const page = await browser.newPage({ viewport: { width: 1400, height: 860 } });
    await page.goto(`${address}#/flamegraph`);
    await page.waitForSelector('[role=tab][aria-selected=true]');
    note('first flame graph', await page.evaluate(() => performance.getEntriesByName('heaptrace.shown')[0].startTime));
    const go = async (what, hash) => note(what, await page.evaluate(change, hash));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const zoomed = new URL(page.url()).hash;
    const name = await page.locator('.details h2').textContent();
    await go('zoom out', '#/flamegraph?');
    await go('zoom in', zoomed);
    await go('another index', '#/flamegraph?si=alloc_objects');
    await go('search', '#/flamegraph?q=function_1%5Cd*7%24');
    await go('pivot', `#/sandwich?${new URLSearchParams({ p: `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$` })}`);
    await go('focus', `#/flamegraph?f=${encodeURIComponent('function_1\\d*7$')}`);
    await go('bottom-up', '#/bottomup?');
    await go('top', '#/top?');
    await go('search in top', '#/top?q=function_1%5Cd*7%24');
    await go('peek', '#/peek?');
    await go('graph', '#/graph?');
    await go('tree map', '#/treemap?');
    await page.close();
}

/**
 * In the page: how long a change of the address takes until what it asks for is drawn.
 *
 * @param {string} hash
 */
async function change(hash) {
    const start = performance.now();
    location.hash = hash;
    await new Promise((done) => addEventListener('hashchange', done, { once: true }));
    // A task behind the next frame: that one is laid out and painted.
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}

/** @param {string} profile */
async function measurePprof(profile) {
    const port = 20_000 + (process.pid % 10_000);
    const server = spawn('go', ['tool', 'pprof', '-http', `localhost:${port}`, '-no_browser', '-symbolize=none', profile], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    try {
        await new Promise((done) => server.stderr.on('data', (data) => String(data).includes('Serving') && done()));
        const address = `http://localhost:${port}/ui/flamegraph`;
        const path = file('pprof.html', '');
        const [size, seconds] = output('curl', '-s', '-o', path, '-w', '%{size_download} %{time_total}', address).split(' ').map(Number);
        tell('pprof: page', `${mebibytes(size)}, ${(size / statSync(profile).size).toFixed(2)} of the profile, after ${seconds.toFixed(1)} s`);
        tell('pprof: first flame graph', await firstOfPprof(`file://${path}`));
    } finally {
        process.kill(-server.pid);
    }
}

/** @param {string} address */
async function firstOfPprof(address) {
    const page = await browser.newPage({ viewport: { width: 1400, height: 860 } });
    try {
        await page.goto(address, { timeout: PATIENCE, waitUntil: 'commit' });
        await page.waitForFunction(() => document.querySelectorAll('#chart svg rect, #stack-chart .boxbg').length > 1, null, { timeout: PATIENCE });
        return `${Math.round(await page.evaluate(() => performance.now()))} ms`;
    } catch (error) {
        return `none within ${PATIENCE / 1000} s: ${error.message.split('\n')[0]}`;
    } finally {
        await page.close().catch(() => {});
    }
}

/** @param {number[]} took */
function spread(took) {
    const sorted = [...took].sort((a, b) => a - b);
    return `${Math.round(sorted[sorted.length >> 1])} ms (${Math.round(sorted.at(-1))})`;
}

/** @param {number} bytes */
function mebibytes(bytes) {
    return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/**
 * @param {string} what
 * @param {string} value
 */
function tell(what, value) {
    console.log(`  ${what.padEnd(26)} ${value}`);
}
