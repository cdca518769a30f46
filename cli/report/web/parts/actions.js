// What can be done with a function: in the panel beside a picture, and in the menu of a right click.

/** @import { App } from '../app.js' */
/** @import { Box } from '../model/boxes.js' */

import { pathOf } from '../model/boxes.js';
import { placeOf } from '../data/frame.js';
import { exactly } from '../model/session.js';
import { announce } from './dom.js';
import { editorLink, editorName, openInEditor } from './editor.js';

/** @typedef {{ label: string, run: () => void, hint: string }} Action */

/**
 * @param {App} app
 * @param {string} name
 * @param {Box | null} box with its callers, if they are known
 * @returns {Action[]}
 */
export function actionsOf(app, name, box) {
    const own = exactly(name);
    const also = (/** @type {string} */ before) => (before === '' ? own : `${before}|${own}`);
    const { state } = app;
    const actions = [
        { label: 'Callers and callees', hint: 'sandwich: all calls of it together', run: () => app.go({ view: 'sandwich', p: own, z: '' }) },
        { label: 'Source', hint: 'its lines, with what each holds', run: () => app.go({ view: 'source', p: own, z: '' }) },
        { label: 'Focus', hint: 'only stacks that it is in', run: () => app.go({ f: own, z: '' }) },
        { label: 'Ignore', hint: 'no stacks that it is in', run: () => app.go({ i: also(state.i), z: '' }) },
        { label: 'Hide', hint: 'leave it out of the stacks', run: () => app.go({ h: also(state.h), z: '' }) },
        { label: 'Show from here', hint: 'leave its callers out', run: () => app.go({ sf: own, z: '' }) },
        ...inEditor(app, name),
        { label: 'Copy name', hint: '', run: () => copy(name) },
    ];
    if (box) {
        const names = pathOf(box)
            .filter((one) => one.key !== -1)
            .map((one) => one.name);
        // Innermost first, as stacks are told; a walk upwards has them so.
        const stack = box.origins ? names : names.reverse();
        actions.push({ label: 'Copy stack', hint: '', run: () => copy(stack.join('\n')) });
    }
    actions.push({ label: 'Copy link', hint: 'to what is shown now', run: () => copy(location.href) });
    return actions;
}

/**
 * @param {App} app
 * @param {string} name
 * @returns {Action[]}
 */
function inEditor(app, name) {
    const { file, line } = placeOf(app.profile, name);
    const link = editorLink(file, line);
    return link === '' ? [] : [{ label: 'Open in editor', hint: `${editorName()}: ${file}:${line}`, run: () => openInEditor(link) }];
}

/** @param {string} text */
async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // Pages from disk may have no clipboard of that kind.
        const area = document.createElement('textarea');
        area.value = text;
        document.body.append(area);
        area.select();
        document.execCommand('copy');
        area.remove();
    }
    announce('Copied');
}
