// Keeps the movements of a buffer in the localStorage of the browser, one item each, so two tabs do not get in each
// other's way: at worst both send the same movement, and it counts once.
export class LocalStorageSpool {
    #prefix;
    #storage;

    constructor(name = 'people-counter', storage = globalThis.localStorage) {
        this.#prefix = `${name}:`;
        this.#storage = storage;
    }

    load() {
        const keys = [];
        for (let i = 0; i < this.#storage.length; i++) {
            const key = this.#storage.key(i);
            if (key.startsWith(this.#prefix)) keys.push(key);
        }
        // The keys are ordered by time.
        return keys.sort().flatMap((key) => {
            try {
                return [JSON.parse(this.#storage.getItem(key))];
            } catch {
                return [];
            }
        });
    }

    append(entry) {
        this.#storage.setItem(this.#prefix + entry.key, JSON.stringify(entry));
    }

    remove(keys) {
        for (const key of keys) this.#storage.removeItem(this.#prefix + key);
    }
}
