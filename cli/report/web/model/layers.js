// A call graph laid out in layers, callers above callees (Sugiyama): circles are opened, what passes over layers
// gets a place in each of them, and each layer is ordered by where its neighbours are.

/** @typedef {{ id: number, width: number, height: number }} Item */
/** @typedef {{ from: number, to: number, weight: number }} Arrow */
/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ places: Map<number, Point>, ways: Point[][], width: number, height: number }} Layout */

/**
 * @typedef {object} Cell
 * @property {number} id −1 for a place that an arrow passes through
 * @property {number} layer
 * @property {number} width
 * @property {number} height
 * @property {number} x of its middle
 * @property {Cell[]} up
 * @property {Cell[]} down
 */

const GAP = { across: 22, down: 46 };
const ROUNDS = 12;

/**
 * @param {Item[]} items
 * @param {Arrow[]} arrows
 * @returns {Layout} the middles of items, and for each arrow the points on its way
 */
export function layers(items, arrows) {
    const turned = opened(items, arrows);
    const layerOf = ranked(items, turned);
    /** @type {Map<number, Cell>} */
    const cells = new Map();
    /** @type {Cell[][]} */
    const rows = [];
    const add = (/** @type {Cell} */ cell) => (rows[cell.layer] ??= []).push(cell);
    for (const { id, width, height } of items) {
        const cell = { id, layer: layerOf.get(id) ?? 0, width, height, x: 0, up: [], down: [] };
        cells.set(id, cell);
        add(cell);
    }
    const chains = turned.map(({ from, to }) => {
        const chain = [/** @type {Cell} */ (cells.get(from))];
        const end = /** @type {Cell} */ (cells.get(to));
        for (let layer = chain[0].layer + 1; layer < end.layer; layer++) {
            const cell = { id: -1, layer, width: 8, height: 0, x: 0, up: [], down: [] };
            add(cell);
            chain.push(cell);
        }
        chain.push(end);
        for (let i = 1; i < chain.length; i++) {
            chain[i - 1].down.push(chain[i]);
            chain[i].up.push(chain[i - 1]);
        }
        return chain;
    });
    order(rows);
    place(rows);
    return drawn(items, arrows, turned, rows, cells, chains);
}

/**
 * The arrows, those that close a circle turned around; those to themselves are none.
 *
 * @param {Item[]} items
 * @param {Arrow[]} arrows
 */
function opened(items, arrows) {
    /** @type {Map<number, Arrow[]>} */
    const below = new Map(items.map(({ id }) => [id, []]));
    const sorted = [...arrows].sort((a, b) => b.weight - a.weight);
    sorted.forEach((arrow) => below.get(arrow.from)?.push(arrow));
    /** @type {Map<number, 'open' | 'done'>} */
    const state = new Map();
    /** @type {Set<Arrow>} */
    const back = new Set();
    for (const { id } of items) {
        const path = state.has(id) ? [] : [{ id, next: 0 }];
        while (path.length > 0) {
            const at = path[path.length - 1];
            state.set(at.id, 'open');
            const arrow = below.get(at.id)?.[at.next++];
            if (!arrow) {
                state.set(at.id, 'done');
                path.pop();
            } else if (state.get(arrow.to) === 'open') {
                back.add(arrow);
            } else if (!state.has(arrow.to)) {
                path.push({ id: arrow.to, next: 0 });
            }
        }
    }
    return arrows.map((arrow) => (back.has(arrow) ? { ...arrow, from: arrow.to, to: arrow.from } : arrow));
}

/**
 * For each item its layer: one below the lowest of its callers.
 *
 * @param {Item[]} items
 * @param {Arrow[]} arrows
 */
function ranked(items, arrows) {
    /** @type {Map<number, number>} */
    const layer = new Map(items.map(({ id }) => [id, 0]));
    /** @type {Map<number, number>} */
    const left = new Map(items.map(({ id }) => [id, 0]));
    arrows.forEach(({ to }) => left.set(to, (left.get(to) ?? 0) + 1));
    const ready = items.filter(({ id }) => left.get(id) === 0).map(({ id }) => id);
    for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
        for (const { from, to } of arrows) {
            if (from === id) {
                layer.set(to, Math.max(layer.get(to) ?? 0, (layer.get(id) ?? 0) + 1));
                left.set(to, (left.get(to) ?? 0) - 1);
                if (left.get(to) === 0) {
                    ready.push(to);
                }
            }
        }
    }
    return layer;
}

/**
 * Orders each layer by the middle of its neighbours' places, down and up in turns.
 *
 * @param {Cell[][]} rows
 */
function order(rows) {
    for (let round = 0; round < ROUNDS; round++) {
        const down = round % 2 === 0;
        const inOrder = down ? rows : [...rows].reverse();
        for (const row of inOrder) {
            row.forEach((cell, i) => (cell.x = i));
        }
        for (const row of inOrder.slice(1)) {
            const middle = new Map(row.map((cell) => [cell, mean(down ? cell.up : cell.down, cell.x)]));
            row.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
            row.forEach((cell, i) => (cell.x = i));
        }
    }
}

/**
 * Gives cells their places: as near to their neighbours as there is room.
 *
 * @param {Cell[][]} rows
 */
function place(rows) {
    for (const row of rows) {
        spread(row, row.map(() => 0));
    }
    for (let round = 0; round < ROUNDS; round++) {
        const down = round % 2 === 0;
        for (const row of down ? rows : [...rows].reverse()) {
            spread(row, row.map((cell) => mean(down ? cell.up : cell.down, mean(down ? cell.down : cell.up, cell.x))));
        }
    }
}

/**
 * Moves the cells of a row to where they want to be, in their order and with gaps.
 *
 * @param {Cell[]} row
 * @param {number[]} wanted
 */
function spread(row, wanted) {
    // Neighbours that want the same place form a block around it.
    /** @type {{ cells: Cell[], offsets: number[], sum: number, x: number, width: number }[]} */
    const blocks = [];
    row.forEach((cell, i) => {
        let block = { cells: [cell], offsets: [cell.width / 2], sum: wanted[i] - cell.width / 2, x: wanted[i] - cell.width / 2, width: cell.width };
        for (let last = blocks.at(-1); last && last.x + last.width + GAP.across > block.x; last = blocks.at(-1)) {
            blocks.pop();
            const shift = last.width + GAP.across;
            const cells = [...last.cells, ...block.cells];
            const sum = last.sum + block.sum - shift * block.cells.length;
            block = { cells, offsets: [...last.offsets, ...block.offsets.map((offset) => offset + shift)], sum, x: sum / cells.length, width: shift + block.width };
        }
        blocks.push(block);
    });
    for (const block of blocks) {
        block.cells.forEach((cell, i) => (cell.x = block.x + block.offsets[i]));
    }
}

/**
 * @param {Item[]} items
 * @param {Arrow[]} arrows
 * @param {Arrow[]} turned
 * @param {Cell[][]} rows
 * @param {Map<number, Cell>} cells
 * @param {Cell[][]} chains
 * @returns {Layout}
 */
function drawn(items, arrows, turned, rows, cells, chains) {
    const left = Math.min(...rows.flat().map((cell) => cell.x - cell.width / 2));
    const right = Math.max(...rows.flat().map((cell) => cell.x + cell.width / 2));
    /** @type {number[]} */
    const middles = [];
    let y = 0;
    for (const row of rows) {
        const height = Math.max(...row.map((cell) => cell.height));
        middles.push(y + height / 2);
        y += height + GAP.down;
    }
    const at = (/** @type {Cell} */ cell) => ({ x: cell.x - left, y: middles[cell.layer] });
    const places = new Map(items.map(({ id }) => [id, at(/** @type {Cell} */ (cells.get(id)))]));
    const ways = chains.map((chain, i) => {
        const points = chain.map(at);
        points[0].y += chain[0].height / 2;
        points[points.length - 1].y -= chain[chain.length - 1].height / 2;
        return turned[i] === arrows[i] ? points : points.reverse();
    });
    return { places, ways, width: right - left, height: Math.max(y - GAP.down, 0) };
}

/**
 * @param {Cell[]} cells
 * @param {number} otherwise
 */
function mean(cells, otherwise) {
    return cells.length === 0 ? otherwise : cells.reduce((sum, cell) => sum + cell.x, 0) / cells.length;
}
