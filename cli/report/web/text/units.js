// Quantities as text, with the units and the rounding of measure.rs, which are pprof's.

/** @typedef {{ units: [string, string[], number][], none: [string, number] }} Kind */

/** @type {Kind[]} */
const KINDS = [
    {
        units: [
            ['B', ['b', 'byte'], 1],
            ['kB', ['kb', 'kbyte', 'kilobyte'], 2 ** 10],
            ['MB', ['mb', 'mbyte', 'megabyte'], 2 ** 20],
            ['GB', ['gb', 'gbyte', 'gigabyte'], 2 ** 30],
            ['TB', ['tb', 'tbyte', 'terabyte'], 2 ** 40],
            ['PB', ['pb', 'pbyte', 'petabyte'], 2 ** 50],
        ],
        none: ['B', 1],
    },
    {
        units: [
            ['ns', ['ns', 'nanosecond'], 1],
            ['us', ['μs', 'us', 'microsecond'], 1e3],
            ['ms', ['ms', 'millisecond'], 1e6],
            ['s', ['s', 'sec', 'second'], 1e9],
            ['hrs', ['hour', 'hr'], 3600e9],
        ],
        none: ['s', 1e9],
    },
];

/**
 * @param {Kind} kind
 * @param {string} name
 */
function unitOf(kind, name) {
    const lower = name.toLowerCase();
    const one = lower.length > 2 && lower.endsWith('s') ? lower.slice(0, -1) : lower;
    return kind.units.find(([, aliases]) => aliases.includes(one));
}

/**
 * `value`, which is in `unit`, in the largest unit that leaves at least 1.
 *
 * @param {number} value
 * @param {string} unit
 * @returns {string}
 */
export function amount(value, unit) {
    if (value < 0) {
        return `-${amount(-value, unit)}`;
    }
    for (const kind of KINDS) {
        const own = unitOf(kind, unit);
        if (own) {
            const base = value * own[2];
            const fitting = kind.units.filter(([, , factor]) => base / factor >= 1).at(-1);
            const [name, factor] = fitting ? [fitting[0], fitting[2]] : kind.none;
            return digits(base / factor, name);
        }
    }
    return Number.isInteger(value) ? grouped(value) : digits(value, '');
}

/**
 * The same with a sign where values are differences.
 *
 * @param {number} value
 * @param {string} unit
 * @param {boolean} difference
 */
export function change(value, unit, difference) {
    return difference && value > 0 ? `+${amount(value, unit)}` : amount(value, unit);
}

/**
 * @param {number} value
 * @param {string} unit
 */
function digits(value, unit) {
    const text = value.toFixed(2).replace(/\.00$/, '');
    return text === '0' ? '0' : text + unit;
}

/**
 * A number with its digits in groups of three.
 *
 * @param {number} number
 */
export function grouped(number) {
    return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/**
 * `value` as a share of `total`.
 *
 * @param {number} value
 * @param {number} total
 */
export function percentage(value, total) {
    const ratio = total === 0 ? 0 : Math.abs(value / total) * 100;
    if (ratio === 0) {
        return '0%';
    }
    if (ratio >= 99.95 && ratio <= 100.05) {
        return '100%';
    }
    return `${ratio >= 1 ? ratio.toFixed(2) : Number(ratio.toPrecision(2))}%`;
}

/**
 * A number in the base unit of its kind, with what tells kinds apart.
 *
 * @param {number} number
 * @param {string} unit
 */
export function inBase(number, unit) {
    for (const kind of KINDS) {
        const own = unitOf(kind, unit);
        if (own) {
            return { number: number * own[2], kind: kind.none[0] };
        }
    }
    return { number, kind: unit };
}
