// `heaptrace report` and the profiles that the tests look at.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readProfile } from '../../cli/report/web/data/profile.js';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const HEAPTRACE = process.env.HEAPTRACE ?? join(ROOT, 'target/debug/heaptrace');

/** A folder of the tests' own, gone when they are through. */
export const FOLDER = mkdtempSync(join(tmpdir(), 'heaptrace-web-'));
process.on('exit', () => rmSync(FOLDER, { recursive: true, force: true }));

/** What a command prints. */
export function output(command, ...args) {
    const options = { cwd: FOLDER, maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] };
    return execFileSync(command, args, options).toString();
}

/** What `heaptrace` prints. */
export function heaptrace(...args) {
    return output(HEAPTRACE, ...args);
}

/** The top table of `report`, all rows of it. */
export function reportRows(profile, ...args) {
    return JSON.parse(heaptrace('report', '--json', '-n', '0', ...args, profile)).rows;
}

/** The page of a profile: its path. */
export function pageOf(...args) {
    const page = join(FOLDER, `${Math.random().toString(36).slice(2)}.html`);
    heaptrace('report', '--html', page, ...args);
    return page;
}

/** The profile that is inside a page, as the page reads it. */
export async function profileIn(page) {
    const [, data] = /<script id="data"[^>]*>([^<]*)</.exec(readFileSync(page, 'utf8'));
    return readProfile(Buffer.from(data, 'base64'));
}

/** A profile with so many stacks, as bytes. */
export function large(stacks) {
    return execFileSync(join(dirname(HEAPTRACE), 'examples/large_profile'), [String(stacks)], { maxBuffer: 1 << 30 });
}

/** Writes a file into the folder. */
export function file(name, text) {
    const path = join(FOLDER, name);
    writeFileSync(path, text);
    return path;
}

const made = new Map();

/** Makes something once. */
function once(name, make) {
    if (!made.has(name)) {
        made.set(name, make());
    }
    return made.get(name);
}

/** The profile of a program in C++ that has memory problems. */
export function orders() {
    return once('orders', () => {
        output('g++', '-g', '-O1', '-o', 'orders', join(ROOT, 'tests/web/orders.cpp'));
        heaptrace('run', '-q', '--seed', '7', '-o', 'orders.prof', '--', './orders');
        return join(FOLDER, 'orders.prof');
    });
}

/** The same with other luck. */
export function ordersAgain() {
    return once('orders again', () => {
        orders();
        heaptrace('run', '-q', '--seed', '8', '-o', 'again.prof', '--', './orders');
        return join(FOLDER, 'again.prof');
    });
}

/** A profile of a program in C with labels, recursion and many functions. */
export function sqlite() {
    return once('sqlite', () => {
        const statements = `create table t(a,b);
            with recursive c(x) as (select 1 union all select x+1 from c where x<20000)
            insert into t select x, hex(randomblob(20)) from c; create index i on t(b);
            select count(*) from t a join t b on a.b=b.b;`;
        heaptrace('run', '-q', '--seed', '7', '--rate', '8KiB', '-o', 'sqlite.prof', '--', 'sqlite3', ':memory:', statements);
        return join(FOLDER, 'sqlite.prof');
    });
}

/** Go's heap and CPU profiles. */
export function go() {
    return once('go', () => {
        file('main.go', GO);
        output('go', 'run', 'main.go');
        return { heap: join(FOLDER, 'go.heap.prof'), cpu: join(FOLDER, 'go.cpu.prof') };
    });
}

const GO = `package main

import (
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
)

var kept [][]string

func words(depth int) []string {
	if depth > 0 {
		return words(depth - 1)
	}
	return strings.Fields(strings.Repeat("a bc def ", 2000))
}

func main() {
	runtime.MemProfileRate = 4096
	cpu, _ := os.Create("go.cpu.prof")
	pprof.StartCPUProfile(cpu)
	for i := 0; i < 400; i++ {
		w := words(i % 5)
		sort.Strings(w)
		if i%10 == 0 {
			kept = append(kept, w)
		}
	}
	pprof.StopCPUProfile()
	runtime.GC()
	heap, _ := os.Create("go.heap.prof")
	pprof.WriteHeapProfile(heap)
	heap.Close()
}
`;
