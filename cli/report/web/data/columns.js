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
     * The numbers of a column one after the other, without an array of them.
     *
     * @param {string} name
     * @returns {Cursor}
     */
    cursor(name) {
        const column = this.columns.find((one) => one.name === name);
        return new Cursor(column?.bytes ?? new Uint8Array(), column?.count ?? 0);
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

/** Reads numbers: seven bits of one in a byte, the lowest first. */
export class Cursor {
    /**
     * @param {Uint8Array} bytes
     * @param {number} count
     */
    constructor(bytes, count) {
        this.bytes = bytes;
        this.count = count;
        this.at = 0;
    }

    /** The next number. */
    next() {
        const byte = this.bytes[this.at++];
        return byte < 0x80 ? byte : this.long(byte & 0x7f);
    }

    /**
     * One of several bytes. Shifts would cut it off at 32 bits.
     *
     * @param {number} number its lowest bits
     */
    long(number) {
        for (let factor = 128; ; factor *= 128) {
            const byte = this.bytes[this.at++];
            number += (byte & 0x7f) * factor;
            // What is cut off ends there.
            if (!(byte >= 0x80)) {
                return number;
            }
        }
    }
}

/**
 * @param {Uint8Array} bytes
 * @param {number} count
 */
function numbers(bytes, count) {
    const found = new Float64Array(count);
    const cursor = new Cursor(bytes, count);
    for (let i = 0; i < count; i++) {
        found[i] = cursor.next();
    }
    return found;
}

/** @param {number} number */
function signed(number) {
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
}
