// Pages in Debian's chromium.

import { after, before } from 'node:test';

import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

let browser;

/** Starts a browser. */
export function launch() {
    return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--headless=new'] });
}

/** Starts the browser for the tests of a file, and ends it. */
export function withBrowser() {
    before(async () => {
        browser = await launch();
    });
    after(() => browser.close());
}

/**
 * Opens a page from disk, or at an address, and notes what it asks for and what goes wrong.
 *
 * @param {string} place
 * @param {{ hash?: string, width?: number, dark?: boolean }} [options]
 */
export async function open(place, { hash = '', width = 1400, dark = false } = {}) {
    const context = await browser.newContext({
        viewport: { width, height: 860 },
        colorScheme: dark ? 'dark' : 'light',
        permissions: ['clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    const notes = { requests: [], faults: [] };
    page.on('request', (request) => notes.requests.push(request.url()));
    page.on('pageerror', (error) => notes.faults.push(error.stack));
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && notes.faults.push(message.text()));
    await page.goto((place.startsWith('http') ? place : `file://${place}`) + hash);
    await page.waitForSelector('[role=tab][aria-selected=true]');
    return { page, notes, close: () => context.close() };
}

/** The selected item of the tree that is read instead of the picture. */
export function selected(page) {
    return page.locator('[role=treeitem][aria-selected=true]').first();
}
