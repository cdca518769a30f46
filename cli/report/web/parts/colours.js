// Colours of boxes: whose code it is, or in a difference what grew and what shrank.

/** Hue, saturation and lightness of each kind of code, on light and on dark. */
const KIND_COLOURS = /** @type {[number, number, number][][]} */ ([
    [
        [158, 48, 62],
        [206, 62, 74],
        [268, 44, 83],
        [215, 12, 83],
    ],
    [
        [160, 52, 36],
        [208, 46, 38],
        [264, 24, 40],
        [215, 8, 32],
    ],
]);

/** Of names that were shown, by theme and kind. */
const colours = KIND_COLOURS.map((kinds) => kinds.map(() => /** @type {Map<string, string>} */ (new Map())));

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** @returns {boolean} */
export function isDark() {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme === 'dark' : prefersDark.matches;
}

/**
 * @param {number} kind
 * @param {string} name so that neighbours can be told apart, and a function has one colour everywhere
 * @param {boolean} [dark] whether the page is
 */
export function kindColour(kind, name, dark = isDark()) {
    const theme = dark ? 1 : 0;
    const known = colours[theme][kind];
    let colour = known.get(name);
    if (colour === undefined) {
        const [hue, saturation, lightness] = KIND_COLOURS[theme][kind];
        const shade = hash(name);
        colour = `hsl(${hue + (shade % 17) - 8} ${saturation}% ${lightness + ((shade >> 5) % 9) - 4}%)`;
        known.set(name, colour);
    }
    return colour;
}

/**
 * Orange for what grew, blue for what shrank, the stronger the more of what changed did; grey within
 * the noise.
 *
 * @param {number} share from −1 to 1
 * @param {boolean} noise
 * @param {boolean} [dark] whether the page is
 */
export function changeColour(share, noise, dark = isDark()) {
    if (noise || share === 0) {
        return dark ? 'hsl(215 6% 34%)' : 'hsl(215 8% 84%)';
    }
    const strength = Math.abs(share);
    const hue = share > 0 ? 30 : 210;
    return dark
        ? `hsl(${hue} ${30 + 45 * strength}% ${30 + 10 * strength}%)`
        : `hsl(${hue} ${40 + 50 * strength}% ${88 - 24 * strength}%)`;
}

/** @param {string} text */
function hash(text) {
    let sum = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) {
        sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
    }
    return sum >>> 0;
}

/** @type {Map<string, string>} */
const resolved = new Map();

/**
 * A colour of the style, as a canvas understands it.
 *
 * @param {string} name
 */
export function themed(name) {
    const id = `${name} ${isDark()}`;
    let colour = resolved.get(id);
    if (colour === undefined) {
        const probe = document.createElement('span');
        probe.style.color = `var(${name})`;
        document.body.append(probe);
        colour = getComputedStyle(probe).color;
        probe.remove();
        resolved.set(id, colour);
    }
    return colour;
}
