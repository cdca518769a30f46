// Names of functions in little room: render/shorten.rs in the browser.

/** How deep in each other template arguments are kept, if others have to go. */
const ARGUMENTS_DEPTH = 4;

/**
 * `name` in at most `room` characters: with `…` for template arguments, the innermost first, and if that
 * is not enough without its middle.
 *
 * @param {string} name
 * @param {number} room
 * @returns {string}
 */
export function shortened(name, room) {
    if (name.length <= room) {
        return name;
    }
    for (let depth = ARGUMENTS_DEPTH - 1; depth >= 0; depth--) {
        const shorter = withoutArguments(name, depth);
        if (shorter.length <= room) {
            return shorter;
        }
    }
    return withoutMiddle(withoutArguments(name, 0), room);
}

/**
 * @param {string} name
 * @param {number} kept how deep arguments are kept
 */
function withoutArguments(name, kept) {
    let shorter = '';
    let depth = 0;
    for (let i = 0; i < name.length; i++) {
        const character = name[i];
        const isOperator = /operator[<>=-]*$/.test(name.slice(Math.max(0, i - 11), i));
        if (character === '>' && depth > 0 && !isOperator && name[i - 1] !== '-') {
            depth--;
        }
        if (depth <= kept) {
            shorter += character;
        }
        // Rust's names begin with a bracket around a type, which is no argument.
        if (character === '<' && i > 0 && !isOperator) {
            depth++;
            if (depth === kept + 1) {
                shorter += '…';
            }
        }
    }
    return shorter;
}

/**
 * @param {string} name
 * @param {number} room
 */
function withoutMiddle(name, room) {
    if (name.length <= room || room < 2) {
        return beginning(name, Math.max(room, 0));
    }
    const head = Math.floor((room - 1) / 2);
    return `${beginning(name, head)}…${name.slice(name.length - (room - 1 - head)).replace(/^[\udc00-\udfff]/, '')}`;
}

/**
 * A name for a box: of what a name is made of, the last parts say most. Arguments go first, then the
 * namespaces, then the end.
 *
 * @param {string} name
 * @param {number} room
 */
export function boxName(name, room) {
    if (name.length <= room) {
        return name;
    }
    const plain = withoutArguments(name, 0);
    if (plain.length <= room) {
        return plain;
    }
    const parts = plain.split('::');
    for (let from = 1; from < parts.length; from++) {
        const rest = parts.slice(from).join('::');
        if (rest.length <= room) {
            return rest;
        }
    }
    const last = parts.at(-1) ?? plain;
    return room < 3 ? '' : `${beginning(last, room - 1)}…`;
}

/**
 * The first units of a text, without half of a character at its end.
 *
 * @param {string} text
 * @param {number} length
 */
function beginning(text, length) {
    return text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}
