// Elements of the page. Texts become text, whatever they are made of.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element. Attributes that are functions listen, `true` sets, `false`, null and undefined leave away.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === 'function') {
            element.addEventListener(name, /** @type {EventListener} */ (value));
        } else if (value !== false && value !== null && value !== undefined) {
            element.setAttribute(name, value === true ? '' : String(value));
        }
    }
    element.append(...present(children));
    return element;
}

/**
 * Replaces what is in an element.
 *
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
    element.replaceChildren(...present(children));
}

/** @param {Child[]} children */
function present(children) {
    return /** @type {(Node | string)[]} */ (children.filter((child) => child instanceof Node || typeof child === 'string'));
}

/**
 * How large an element is, to compare: who is told that this changes is told at first too.
 *
 * @param {HTMLElement} element
 */
export function sizeOf(element) {
    return `${element.clientWidth} ${element.clientHeight}`;
}

/**
 * @param {string} label
 * @param {() => void} run
 * @param {Record<string, unknown>} [attributes]
 */
export function button(label, run, attributes = {}) {
    return el('button', { type: 'button', click: run, ...attributes }, label);
}

/**
 * Says something that is not seen, to who listens to the page, and shows it for a moment.
 *
 * @param {string} text
 */
export function announce(text) {
    let toast = document.getElementById('toast');
    if (!toast) {
        toast = el('div', { id: 'toast', role: 'status' });
        document.body.append(toast);
    }
    toast.textContent = text;
    toast.classList.add('shown');
    clearTimeout(Number(toast.dataset.timer));
    toast.dataset.timer = String(setTimeout(() => toast.classList.remove('shown'), 1800));
}
