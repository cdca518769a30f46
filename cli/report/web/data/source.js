// Where the profile is: inside the page, or at the page's server.

/** @import { Profile } from './profile.js' */

import { readProfile } from './profile.js';

export class Source {
    /** @param {HTMLElement} element the one with the profile inside, or its address */
    constructor(element) {
        this.element = element;
        this.address = element.dataset.from ?? '';
    }

    /** Whether there can be a newer profile than the one that was read. */
    get isServed() {
        return this.address !== '';
    }

    /**
     * @param {Record<string, string>} [wishes] parameters for the server
     * @returns {Promise<Profile>}
     */
    async read(wishes = {}) {
        return readProfile(this.isServed ? await this.fetched(wishes) : decoded(this.element.textContent?.trim() ?? ''));
    }

    /** @param {Record<string, string>} wishes */
    async fetched(wishes) {
        const response = await this.ask('data', wishes);
        return new Uint8Array(await response.arrayBuffer());
    }

    /**
     * What else the server has: processes, the marks of one, and whether these go on.
     *
     * @param {string} pid
     * @returns {Promise<{ processes: { pid: number, name: string }[], marks: string[], live: boolean }>}
     */
    async session(pid) {
        return (await this.ask('session', { pid })).json();
    }

    /**
     * Has the server keep this moment, to show what came since.
     *
     * @param {string} pid
     * @param {string} name
     */
    async mark(pid, name) {
        await this.ask('mark', { pid, name }, 'POST');
    }

    /**
     * @param {string} what
     * @param {Record<string, string>} wishes
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
