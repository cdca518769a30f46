// Makes the tree of calls of the nodes of a profile.

/** @import { Profile } from '../data/profile.js' */
/** @import { Filters } from './filters.js' */
/** @import { Keys } from './keys.js' */
/** @import { State } from './state.js' */
/** @import { Tree } from './tree.js' */

import { recursions } from './tree.js';

/**
 * @param {Profile} profile
 * @param {Keys} keys
 * @param {Filters} filters
 * @param {State} state
 * @returns {Tree}
 */
export function treeOf(profile, keys, filters, state) {
    const growing = new Growing(profile, keys, filters, state);
    for (let run = growing.begin(); run >= 0; run = growing.begin()) {
        growing.grow(run);
    }
    return growing.tree();
}

/**
 * The tree in the making. The parts of a run are those of the profile that lead through its node in hand; the callees of
 * all parts are looked at together, so that arrays know which of them stand for the same: a table of all pairs of caller
 * and callee takes several times as long. Lists are linked, −1 is their end.
 */
class Growing {
    /**
     * @param {Profile} profile
     * @param {Keys} keys
     * @param {Filters} filters
     * @param {State} state
     */
    constructor(profile, keys, filters, { rec, lib }) {
        const { frame, runs } = profile;
        this.profile = profile;
        this.keys = keys;
        this.filters = filters;
        this.lib = lib;
        // What is called again can get more callees at any time, so its node is a run by itself.
        this.rec = rec;
        const most = rec || filters.pruneFrom ? frame.length : Math.min(frame.length, 2 * runs.parent.length + 2);
        const numbers = (/** @type {number} */ length) => new Int32Array(length);
        /** Nodes. */
        this.nodes = 0;
        this.key = numbers(frame.length);
        /** Runs. */
        this.count = 1;
        this.start = numbers(most + 1);
        this.parent = numbers(most);
        this.first = numbers(most);
        this.next = numbers(most);
        this.keyOf = numbers(most);
        this.parent[0] = this.keyOf[0] = -1;
        this.isBegun = new Uint8Array(most);
        this.endsAtOnce = new Uint8Array(most);
        /** Runs whose parts wait, and for each the list of these. */
        this.queue = numbers(rec ? frame.length : most);
        this.queued = 1;
        this.done = 0;
        this.waiting = numbers(most).fill(-1);
        this.waiting[0] = 0;
        /** For each part the next of its list, its node in hand, where its samples go, and what it is pruned to. */
        const parts = runs.parent.length;
        this.behind = numbers(parts);
        this.at = numbers(parts);
        this.place = numbers(parts);
        this.prunedTo = numbers(parts);
        this.behind[0] = -1;
        /** For each key the turn in which a callee was last of it, and the parts of that callee. */
        this.turn = 0;
        this.seen = numbers(keys.names.length);
        this.parts = numbers(keys.names.length);
        /** The keys of the callees in hand, the first ones of the array. */
        this.callees = numbers(keys.names.length);
        this.found = 0;
        /** @type {Map<number, number>} for each key the run of a callee that there was before */
        this.runOf = new Map();
        /** Whether the node in hand is no own code. */
        this.isForeign = false;
    }

    /** The next run with parts that wait, −1 if there is none. */
    begin() {
        if (this.done === this.queued) {
            return -1;
        }
        const run = this.queue[this.done++];
        if (this.isBegun[run] === 0) {
            this.isBegun[run] = 1;
            this.start[run] = this.nodes;
            this.key[this.nodes++] = this.keyOf[run];
        }
        return run;
    }

    /**
     * Follows the parts of a run until they part or samples belong to the node in hand.
     *
     * @param {number} run
     */
    grow(run) {
        let list = this.waiting[run];
        this.waiting[run] = -1;
        this.isForeign = this.lib && run > 0 && this.isForeignAt(list);
        let ends = run === 0 || this.rec || this.endsAtOnce[run] === 1;
        for (;;) {
            if (!ends && this.behind[list] < 0 && !this.filters.pruneFrom) {
                this.follow(list);
            }
            this.turn++;
            this.found = 0;
            ends = this.look(run, list) || ends;
            if (ends || this.found !== 1) {
                this.addAll(run);
                return;
            }
            const key = this.callees[0];
            list = this.parts[key];
            this.key[this.nodes++] = key;
            this.isForeign = this.lib && this.isForeignAt(list);
            ends = this.prune(run, list);
        }
    }

    /**
     * Follows a part that is alone to its end.
     *
     * @param {number} part
     */
    follow(part) {
        const { frame, runs } = this.profile;
        const { key, lib } = this;
        const { ofFrame } = this.keys;
        const last = runs.start[part + 1] - 1;
        let nodes = this.nodes;
        for (let node = this.at[part] + 1; node <= last; node++) {
            const own = frame[node];
            if (!this.isLeftOut(own)) {
                key[nodes++] = ofFrame[own];
                this.isForeign = lib && this.isForeignFrame(own);
            }
        }
        this.nodes = nodes;
        this.at[part] = last;
    }

    /**
     * Looks at the callees of all parts, and says whether samples belong to the node in hand.
     *
     * @param {number} run
     * @param {number} list
     */
    look(run, list) {
        const { frame, runs } = this.profile;
        let isEnd = false;
        while (list >= 0) {
            const part = list;
            list = this.behind[part];
            const node = this.at[part] + 1;
            if (node < runs.start[part + 1]) {
                list = this.lookAt(run, part, node, frame[node], list);
                continue;
            }
            if (runs.hasRows[part] === 1) {
                this.place[part] = this.prunedTo[part] || run;
                isEnd = true;
            }
            for (let callee = runs.first[part]; callee > 0; callee = runs.next[callee]) {
                this.prunedTo[callee] = this.prunedTo[part];
                list = this.lookAt(run, callee, runs.start[callee], frame[runs.start[callee]], list);
            }
        }
        return isEnd;
    }

    /**
     * Looks at a node of a part: the parts that are left to be looked at.
     *
     * @param {number} run
     * @param {number} part
     * @param {number} node
     * @param {number} own its frame
     * @param {number} list
     */
    lookAt(run, part, node, own, list) {
        const { showFrom } = this.filters;
        this.at[part] = node;
        if (this.isLeftOut(own) || (run === 0 && showFrom !== null && showFrom[own] === 0)) {
            // What it calls is called by the node in hand.
            this.behind[part] = list;
            return part;
        }
        const key = this.keys.ofFrame[own];
        if (this.seen[key] !== this.turn) {
            this.seen[key] = this.turn;
            this.parts[key] = -1;
            this.callees[this.found++] = key;
        }
        this.behind[part] = this.parts[key];
        this.parts[key] = part;
        return list;
    }

    /**
     * Whether a frame below the node in hand has no node.
     *
     * @param {number} frame
     */
    isLeftOut(frame) {
        return this.filters.hidden[frame] === 1 || (this.isForeign && this.isForeignFrame(frame));
    }

    /** @param {number} frame */
    isForeignFrame(frame) {
        return this.profile.frames.kind[frame] >> 1 !== 0;
    }

    /** @param {number} part */
    isForeignAt(part) {
        return this.isForeignFrame(this.profile.frame[this.at[part]]);
    }

    /**
     * Adds the callees in hand to those of a run.
     *
     * @param {number} run
     */
    addAll(run) {
        this.runOf.size > 0 && this.runOf.clear();
        if (this.rec) {
            for (let callee = this.first[run]; callee > 0; callee = this.next[callee]) {
                this.runOf.set(this.keyOf[callee], callee);
            }
        }
        for (let i = 0; i < this.found; i++) {
            this.add(run, this.callees[i]);
        }
    }

    /**
     * Adds the parts of a callee to its run, which is new if the caller has none of the key yet.
     *
     * @param {number} caller
     * @param {number} key
     */
    add(caller, key) {
        const list = this.parts[key];
        const run = (this.rec && (this.above(caller, key) || this.runOf.get(key))) || this.made(caller, key);
        if (this.waiting[run] < 0) {
            this.queue[this.queued++] = run;
        }
        this.endsAtOnce[run] |= this.prune(run, list) ? 1 : 0;
        let last = list;
        for (; this.behind[last] >= 0; last = this.behind[last]);
        this.behind[last] = this.waiting[run];
        this.waiting[run] = list;
    }

    /**
     * @param {number} caller
     * @param {number} key
     */
    made(caller, key) {
        const run = this.count++;
        this.parent[run] = caller;
        this.keyOf[run] = key;
        this.next[run] = this.first[caller];
        this.first[caller] = run;
        return run;
    }

    /**
     * The run itself or that of its callers which stands for the key, 0 if none does.
     *
     * @param {number} run
     * @param {number} key
     */
    above(run, key) {
        for (; run > 0 && this.keyOf[run] !== key; run = this.parent[run]);
        return run;
    }

    /**
     * Where frames are pruned from the node that these parts have come to, it is the last of its run, and has the samples
     * of all that is below.
     *
     * @param {number} run
     * @param {number} list
     */
    prune(run, list) {
        const { pruneFrom } = this.filters;
        if (!pruneFrom) {
            return false;
        }
        let isPruned = false;
        for (let part = list; part >= 0; part = this.behind[part]) {
            if (pruneFrom[this.profile.frame[this.at[part]]] === 1) {
                this.prunedTo[part] = run;
                isPruned = true;
            }
        }
        return isPruned;
    }

    /** @returns {Tree} */
    tree() {
        const { keys, count, place } = this;
        this.start[count] = this.nodes;
        const key = this.key.subarray(0, this.nodes);
        const run = new Int32Array(this.nodes);
        for (let own = 1; own < count; own++) {
            run.fill(own, this.start[own], this.start[own + 1]);
        }
        const start = this.start.slice(0, count + 1);
        const [parent, first, next] = [this.parent, this.first, this.next].map((all) => all.slice(0, count));
        const tree = { keys, key, run, count, start, parent, first, next, place };
        /** @type {Uint8Array | null} */
        let found = null;
        return { ...tree, recurs: () => (found ??= recursions(tree)) };
    }
}
