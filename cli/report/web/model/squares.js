// Rectangles as square as can be (Bruls, Huizing, van Wijk: Squarified Treemaps).

/** @typedef {{ x: number, y: number, width: number, height: number }} Rectangle */

/**
 * Divides a rectangle in parts of these sizes, the largest first, and what is left for all that is smaller.
 *
 * @param {number[]} sizes falling
 * @param {number} total what the rectangle stands for
 * @param {Rectangle} room
 * @returns {{ places: Rectangle[], left: Rectangle }}
 */
export function squares(sizes, total, room) {
    /** @type {Rectangle[]} */
    const places = [];
    let left = { ...room };
    let rest = total;
    for (let from = 0; from < sizes.length && rest > 0; ) {
        const side = Math.min(left.width, left.height);
        const scale = (left.width * left.height) / rest;
        let [to, sum] = [from + 1, sizes[from]];
        while (to < sizes.length && worst(sizes, from, to + 1, sum + sizes[to], side, scale) <= worst(sizes, from, to, sum, side, scale)) {
            sum += sizes[to++];
        }
        const thickness = side === 0 ? 0 : (sum * scale) / side;
        const isWide = left.width >= left.height;
        let along = isWide ? left.y : left.x;
        for (let i = from; i < to; i++) {
            const length = sum === 0 ? 0 : (sizes[i] / sum) * side;
            places.push(isWide ? { x: left.x, y: along, width: thickness, height: length } : { x: along, y: left.y, width: length, height: thickness });
            along += length;
        }
        left = isWide
            ? { ...left, x: left.x + thickness, width: Math.max(0, left.width - thickness) }
            : { ...left, y: left.y + thickness, height: Math.max(0, left.height - thickness) };
        rest -= sum;
        from = to;
    }
    return { places, left };
}

/**
 * How far the worst of a row is from a square.
 *
 * @param {number[]} sizes
 * @param {number} from
 * @param {number} to
 * @param {number} sum
 * @param {number} side
 * @param {number} scale
 */
function worst(sizes, from, to, sum, side, scale) {
    const area = sum * scale;
    const most = sizes[from] * scale;
    const least = sizes[to - 1] * scale;
    return Math.max((side * side * most) / (area * area), (area * area) / (side * side * (least || 1e-9)));
}
