// Columns of numbers: the other end of render/html/columns.rs.

export class Columns {
    /**
     * @param {Uint8Array} bytes
     * @param {{ name: string, count: number, bytes: number }[]} index
     */
    constructor(bytes, index) {
        let start = 0;
        this.columns = index.map((column) => {
            const from = start;
            start += column.bytes;
            return { name: column.name, count: column.count, bytes: bytes.subarray(from, start) };
        });
    }

    /**
     * @param {string} name
     * @returns {Float64Array}
     */
    read(name) {
        const column = this.columns.find((one) => one.name === name);
        if (!column) {
            throw new Error(`the page has no column ${name}`);
        }
        return numbers(column.bytes, column.count);
    }

    /**
     * All columns of that name, whose numbers have a sign.
     *
     * @param {string} name
     * @returns {Float64Array[]}
     */
    readAllSigned(name) {
        const columns = this.columns.filter((one) => one.name === name && one.count > 0);
        return columns.map((column) => numbers(column.bytes, column.count).map(signed));
    }
}

/**
 * Seven bits of a number in a byte, the lowest first. Shifts would cut numbers off at 32 bits.
 *
 * @param {Uint8Array} bytes
 * @param {number} count
 */
function numbers(bytes, count) {
    const found = new Float64Array(count);
    let at = 0;
    for (let i = 0; i < count; i++) {
        let byte = bytes[at++];
        let number = byte & 0x7f;
        for (let factor = 128; byte >= 0x80; factor *= 128) {
            byte = bytes[at++];
            number += (byte & 0x7f) * factor;
        }
        found[i] = number;
    }
    return found;
}

/** @param {number} number */
function signed(number) {
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
}
