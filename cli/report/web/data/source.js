// Where the profiles are: inside the page, or at the page's server.

/** @import { Profile } from './profile.js' */

import { readProfile } from './profile.js';

/** @typedef {Record<string, string>} Wishes what the server is to give, as parameters of its address */
/** @typedef {{ label: string, wishes: Wishes }} Choice one of several profiles */

export class Source {
    /**
     * @param {HTMLElement} element the one with the profile inside, or its address
     * @param {HTMLElement[]} parts those with the profiles that it is made of, if there are several
     */
    constructor(element, parts) {
        this.element = element;
        this.parts = parts;
        this.address = element.dataset.from ?? '';
    }

    /** Whether there can be a newer profile than the one that was read. */
    get isServed() {
        return this.address !== '';
    }

    /**
     * @param {Wishes} [wishes]
     * @returns {Promise<Profile>}
     */
    async read(wishes = {}) {
        const element = this.parts[Number(wishes.profile) - 1] ?? this.element;
        return readProfile(this.isServed ? await this.fetched(wishes) : decoded(element.textContent?.trim() ?? ''));
    }

    /** @param {Wishes} wishes */
    async fetched(wishes) {
        const response = await this.ask('data', wishes);
        return new Uint8Array(await response.arrayBuffer());
    }

    /**
     * What there is to look at: profiles, the marks of one, and whether these go on.
     *
     * @param {Wishes} of
     * @returns {Promise<{ profiles: Choice[], marks: string[], live: boolean }>}
     */
    async session(of) {
        if (!this.isServed) {
            const parts = this.parts.map((part, i) => ({ label: part.dataset.label ?? '', wishes: { profile: String(i + 1) } }));
            return { profiles: [{ label: 'all together', wishes: {} }, ...parts], marks: [], live: false };
        }
        return (await this.ask('session', of)).json();
    }

    /**
     * Has the server keep this moment, to show what came since.
     *
     * @param {Wishes} of
     * @param {string} name
     */
    async mark(of, name) {
        await this.ask('mark', { ...of, name }, 'POST');
    }

    /**
     * @param {string} what
     * @param {Wishes} wishes
     * @param {string} [method]
     */
    async ask(what, wishes, method = 'GET') {
        const parameters = new URLSearchParams(location.search);
        Object.entries(wishes).forEach(([name, value]) => value !== '' && parameters.set(name, value));
        const response = await fetch(`${this.address}/${what}?${parameters}`, { method });
        if (!response.ok) {
            throw new Error((await response.text()).trim() || response.statusText);
        }
        return response;
    }
}

/** @param {string} text in base64 */
function decoded(text) {
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) {
        bytes[i] = letters.charCodeAt(i);
    }
    return bytes;
}
