// Numbers in order as far as they were looked at: of a hundred thousand rows a table shows thirty.

export class Sorted {
    /**
     * @param {Int32Array} items
     * @param {(a: number, b: number) => number} compare
     */
    constructor(items, compare) {
        this.compare = compare;
        this.length = items.length;
        /** A heap of those that were not looked at, and behind it the others, the last one first. */
        this.items = items.slice();
        this.left = items.length;
        for (let at = (this.left >> 1) - 1; at >= 0; at--) {
            this.sink(at);
        }
    }

    /**
     * The items from a place to before another.
     *
     * @param {number} from
     * @param {number} [to]
     * @returns {number[]}
     */
    slice(from, to = this.length) {
        const { items, length } = this;
        const end = Math.min(to, length);
        while (this.left > length - end) {
            const first = items[0];
            items[0] = items[--this.left];
            items[this.left] = first;
            this.sink(0);
        }
        const found = [];
        for (let at = from; at < end; at++) {
            found.push(items[length - 1 - at]);
        }
        return found;
    }

    /** @param {number} at where an item may have to stand behind what is below it */
    sink(at) {
        const { items, left, compare } = this;
        const item = items[at];
        for (let below = 2 * at + 1; below < left; below = 2 * at + 1) {
            if (below + 1 < left && compare(items[below + 1], items[below]) < 0) {
                below++;
            }
            if (compare(item, items[below]) <= 0) {
                break;
            }
            items[at] = items[below];
            at = below;
        }
        items[at] = item;
    }
}
