// What the browser remembers for the next time. A page from disk may have nowhere to do so.

/** @param {string} name */
export function recall(name) {
    try {
        return localStorage.getItem(`heaptrace.${name}`) ?? '';
    } catch {
        return '';
    }
}

/**
 * Whether it will be remembered.
 *
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
    try {
        localStorage.setItem(`heaptrace.${name}`, value);
        return true;
    } catch {
        return false;
    }
}
