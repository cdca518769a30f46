// Profiles with what nobody should put into one.

import { file } from './heaptrace.mjs';

function varint(number) {
    const bytes = [];
    for (; number >= 128; number = Math.floor(number / 128)) {
        bytes.push((number % 128) | 128);
    }
    return [...bytes, number];
}

const field = (number, value) =>
    typeof value === 'number' ? [...varint(number * 8), ...varint(value)] : [...varint(number * 8 + 2), ...varint(value.length), ...value];

/**
 * A profile of bytes with these stacks, innermost first, each with its value.
 *
 * @param {string} name of the file
 * @param {[string[], number][]} stacks
 */
export function profileOf(name, stacks) {
    const strings = ['', 'space', 'bytes'];
    const text = (value) => (strings.includes(value) ? strings.indexOf(value) : strings.push(value) - 1);
    const functions = [...new Set(stacks.flatMap(([frames]) => frames))];
    const bytes = [
        ...field(1, [...field(1, 1), ...field(2, 2)]),
        ...stacks.flatMap(([frames, value]) =>
            field(2, [...frames.flatMap((frame) => field(1, functions.indexOf(frame) + 1)), ...field(2, value)]),
        ),
        ...functions.flatMap((_, i) => field(4, [...field(1, i + 1), ...field(4, field(1, i + 1))])),
        ...functions.flatMap((frame, i) => field(5, [...field(1, i + 1), ...field(2, text(frame)), ...field(4, text(frame))])),
    ];
    strings.forEach((value) => bytes.push(...field(6, [...new TextEncoder().encode(value)])));
    return file(name, Uint8Array.from(bytes));
}
