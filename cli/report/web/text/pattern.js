// Regular expressions in RE2's dialect, as pprof and `report` read them, made of the browser's.

/** What means the same in the browser in other words. */
const CLASSES = /** @type {Record<string, string>} */ ({
    alnum: '0-9A-Za-z',
    alpha: 'A-Za-z',
    ascii: '\\x00-\\x7F',
    blank: '\\t ',
    cntrl: '\\x00-\\x1F\\x7F',
    digit: '0-9',
    graph: '!-~',
    lower: 'a-z',
    print: ' -~',
    punct: '!-/:-@[-`{-~',
    space: '\\t\\n\\v\\f\\r ',
    upper: 'A-Z',
    word: '0-9A-Za-z_',
    xdigit: '0-9A-Fa-f',
});

/**
 * The browser's expression, or why there is none.
 *
 * @param {string} source
 * @returns {RegExp | string}
 */
export function pattern(source) {
    const flags = /^\(\?([ims]+)\)/.exec(source);
    const body = flags ? source.slice(flags[0].length) : source;
    const translated = translate(body);
    if ('error' in translated) {
        return translated.error;
    }
    try {
        return new RegExp(translated.text, flags ? flags[1] : '');
    } catch (error) {
        return String(error instanceof Error ? error.message : error).replace(/^Invalid regular expression: /, '');
    }
}

/**
 * @param {string} source
 * @returns {{ text: string } | { error: string }}
 */
function translate(source) {
    let text = '';
    let inClass = false;
    for (let i = 0; i < source.length; i++) {
        const rest = source.slice(i);
        if (source[i] === '\\') {
            const next = source[i + 1];
            if (next === undefined) {
                return { error: 'trailing backslash at end of expression' };
            }
            if (next === 'Q') {
                const end = source.indexOf('\\E', i + 2);
                text += escaped(source.slice(i + 2, end < 0 ? undefined : end));
                i = end < 0 ? source.length : end + 1;
                continue;
            }
            if (/[1-9ZCkcu]/.test(next)) {
                return { error: `invalid escape sequence: \\${next}` };
            }
            text += { A: '^', z: '$', a: '\\x07' }[next] ?? (/[A-Za-z0-9]/.test(next) ? `\\${next}` : escaped(next));
            i++;
        } else if (inClass) {
            const named = /^\[:(\^?)(\w+):\]/.exec(rest);
            if (named) {
                if (!CLASSES[named[2]] || named[1]) {
                    return { error: `invalid character class range: ${named[0]}` };
                }
                text += CLASSES[named[2]];
                i += named[0].length - 1;
                continue;
            }
            text += source[i] === '[' ? '\\[' : source[i];
            inClass = source[i] !== ']';
        } else if (source[i] === '[') {
            // A bracket that closes is a character where it comes first.
            const start = /^\[\^?\]?/.exec(rest)?.[0] ?? '[';
            text += start.replace(']', '\\]');
            i += start.length - 1;
            inClass = true;
        } else if (rest.startsWith('(?')) {
            const named = /^\(\?P?<(\w+)>/.exec(rest);
            const start = named?.[0] ?? /^\(\?[ims]*:/.exec(rest)?.[0];
            if (!start) {
                return { error: `invalid or unsupported Perl syntax: ${rest.slice(0, 3)}` };
            }
            text += named ? '(' : start;
            i += start.length - 1;
        } else {
            text += source[i];
        }
    }
    return { text };
}

/**
 * An expression that matches `text`.
 *
 * @param {string} text
 */
export function escaped(text) {
    return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
