// The filters, each of which can be changed and taken away.

/** @import { App } from '../app.js' */
/** @import { Shown } from '../model/session.js' */
/** @import { State } from '../model/state.js' */

import { LABEL_FILTERS, REGEX_FILTERS } from '../model/filters.js';
import { GRANULARITIES } from '../model/keys.js';
import { button, el, fill } from './dom.js';
import { openMenu } from './menu.js';

/** The filters that are a text. */
const TEXTS = /** @type {[keyof State, string, string][]} */ ([
    ['f', REGEX_FILTERS.f, 'only stacks with a matching function, file or library'],
    ['i', REGEX_FILTERS.i, 'no stacks with a match'],
    ['h', REGEX_FILTERS.h, 'leave matching frames out'],
    ['s', REGEX_FILTERS.s, 'leave all other frames out'],
    ['sf', REGEX_FILTERS.sf, 'leave out the callers of the outermost match'],
    ['prunefrom', REGEX_FILTERS.prunefrom, 'leave out what the innermost match calls'],
    ['tf', LABEL_FILTERS.tf, 'only samples with a matching label: 64kb:, bytes=1kb:4kb, thread=main'],
    ['ti', LABEL_FILTERS.ti, 'no samples with a matching label'],
]);

/** Those that are on or off. */
const SWITCHES = /** @type {[keyof State, string, string][]} */ ([
    ['own', 'own code only', 'each sample counts for the innermost frame of the program’s own code'],
    ['lib', 'libraries collapsed', 'what a call into a library does is one box'],
    ['rec', 'recursion collapsed', 'what calls itself is one box'],
    ['noinlines', 'no inlined functions', 'they count for the function that they are inlined into'],
    ['rel', 'percentages of what is left', 'not of all'],
]);

export class Chips {
    /**
     * @param {App} app
     * @param {HTMLElement} element
     */
    constructor(app, element) {
        this.app = app;
        this.element = element;
        /** @type {keyof State | null} */
        this.editing = null;
    }

    /** @param {Shown} shown */
    update(shown) {
        const { app } = this;
        const { state, filters } = shown;
        const chips = TEXTS.filter(([name]) => state[name] || name === this.editing).map(([name, label, hint]) =>
            this.textChip(name, label, hint, String(state[name]), filters.wrong.get(name), filters.unmatched.has(name)));
        const switches = SWITCHES.filter(([name]) => state[name]).map(([name, label]) => chip(label, '', () => this.take(name)));
        if (state.g) {
            switches.push(chip('by', state.g, () => this.take('g')));
        }
        const count = chips.length + switches.length;
        fill(this.element, ...chips, ...switches,
            button('+ Filter', () => this.offer(), { class: 'add', 'aria-haspopup': 'menu' }),
            count > 1 && button('Reset', () => this.reset(), { class: 'plain' }),
            count > 0 && shown.metric.totals.width[0] === 0 && el('span', { class: 'warning', role: 'status' }, 'These filters leave nothing.'));
        if (this.editing) {
            const input = /** @type {HTMLInputElement | null} */ (this.element.querySelector(`input[name="${this.editing}"]`));
            input?.focus();
            this.editing = null;
        }
        void app;
    }

    /**
     * @param {keyof State} name
     * @param {string} label
     * @param {string} hint
     * @param {string} value
     * @param {string | undefined} wrong
     * @param {boolean} unmatched
     */
    textChip(name, label, hint, value, wrong, unmatched) {
        const input = el('input', { name, value, size: Math.max(4, Math.min(value.length + 1, 40)), 'aria-label': `${label}: ${hint}`, 'aria-invalid': String(wrong !== undefined), spellcheck: 'false', autocomplete: 'off',
            input: () => input.setAttribute('size', String(Math.max(4, Math.min(input.value.length + 1, 40)))),
            change: () => this.app.go({ [name]: input.value, z: '' }),
            keydown: (/** @type {KeyboardEvent} */ event) => {
                if (event.key === 'Escape') {
                    input.value = value;
                    this.app.focusView();
                    this.update(this.app.shown());
                } else if (event.key === 'Enter') {
                    this.app.go({ [name]: input.value, z: '' });
                    this.app.focusView();
                }
                event.stopPropagation();
            } });
        const note = wrong ?? (unmatched ? 'matches nothing' : '');
        return el('span', { class: `chip${wrong ? ' wrong' : ''}`, title: hint }, el('span', {}, label), input,
            note !== '' && el('em', { role: 'status' }, note), remover(label, () => this.take(name)));
    }

    /** @param {keyof State} name */
    take(name) {
        this.app.go({ [name]: typeof this.app.state[name] === 'boolean' ? false : '', z: '' });
    }

    reset() {
        const all = [...TEXTS, ...SWITCHES].map(([name]) => [name, typeof this.app.state[name] === 'boolean' ? false : '']);
        this.app.go({ ...Object.fromEntries(all), g: '', z: '' });
    }

    offer() {
        const { app } = this;
        const { state } = app;
        const texts = TEXTS.filter(([name]) => !state[name]).map(([name, label, hint]) => ({ label: `${label}…`, hint, run: () => this.begin(name) }));
        const switches = SWITCHES.map(([name, label, hint]) => ({ label, hint, checked: Boolean(state[name]), run: () => app.go({ [name]: !state[name], z: '' }) }));
        const granularities = GRANULARITIES.map((g) => ({ label: `by ${g.replace('filef', 'f')}${g === 'filefunctions' ? ' and files' : ''}`, hint: 'what a box and a row stand for', checked: state.g === g, run: () => app.go({ g: state.g === g ? '' : g, z: '' }) }));
        const bounds = this.element.querySelector('.add')?.getBoundingClientRect();
        openMenu([...texts, ...switches, ...granularities], bounds?.left ?? 0, (bounds?.bottom ?? 0) + 4);
    }

    /** @param {keyof State} name */
    begin(name) {
        this.editing = name;
        this.update(this.app.shown());
    }
}

/**
 * @param {string} label
 * @param {string} value
 * @param {() => void} take
 */
function chip(label, value, take) {
    return el('span', { class: 'chip' }, el('span', {}, value === '' ? label : `${label} ${value}`), remover(label, take));
}

/**
 * @param {string} label
 * @param {() => void} take
 */
function remover(label, take) {
    return button('×', take, { class: 'remove', 'aria-label': `Remove ${label}` });
}
