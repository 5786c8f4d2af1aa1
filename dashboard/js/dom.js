// Elements without markup in strings: whatever a session is called, it is text.

// el('p', {class: 'note', 'aria-live': 'polite', onclick: f}, 'text', element, ...). null, undefined and false are left out.
export function el(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
        else if (key === 'text') node.textContent = value;
        else node.setAttribute(key, value === true ? '' : value);
    }
    node.append(...children.filter(child => child !== null && child !== undefined && child !== false));
    return node;
}

export const find = (selector, root = document) => root.querySelector(selector);

// Touches the document only where something has changed, so that what is read, selected or focused stays.
export function setText(node, text) {
    const value = String(text ?? '');
    if (node.textContent !== value) node.textContent = value;
}

export function setAttribute(node, name, value) {
    if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

export function show(node, visible) {
    if (node.hidden === visible) node.hidden = !visible;
}

// One child of `list` for each item, kept by key: create(item) makes one, update(node, item) fills it.
export function keyed(list, items, keyOf, create, update) {
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const old = new Map();
    for (const node of list.children) old.set(node.dataset.key, node);
    let place = list.firstElementChild;
    for (const item of items) {
        const key = String(keyOf(item));
        let node = old.get(key);
        if (node) {
            old.delete(key);
        } else {
            node = create(item);
            node.dataset.key = key;
        }
        update(node, item);
        if (node === place) place = place.nextElementSibling;
        else list.insertBefore(node, place);
    }
    for (const node of old.values()) node.remove();
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({preventScroll: true});   // its place is another one now
}

// draw() as often as is wanted, in a frame, and then again after four times as long as the frame took: a busy place leaves a slow
// screen time for other things.
export function paced(draw, least = 200, most = 1000) {
    let wanted = false;
    let next = -Infinity;
    return () => {
        if (wanted) return;
        wanted = true;
        setTimeout(() => requestAnimationFrame(() => {
            const begin = performance.now();
            wanted = false;
            next = begin + least;
            draw();
            setTimeout(() => {   // laid out and painted
                const end = performance.now();
                next = end + Math.min(Math.max(least, 4 * (end - begin)), most);
            });
        }), Math.max(0, next - performance.now()));
    };
}

// What is said to who listens, politely: one sentence after the other, and none twice in a row.
let announcer;
export function announce(text) {
    announcer ??= find('#announcer');
    if (!announcer || !text) return;
    announcer.append(el('p', {text}));
    while (announcer.children.length > 5) announcer.firstElementChild.remove();
}
