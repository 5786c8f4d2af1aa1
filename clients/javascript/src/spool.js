import { closeSync, copyFileSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const open = new Set();
const COMPACT_BEHIND = 10_000;

function parse(line) {
    try {
        return JSON.parse(line);
    } catch {
        return undefined;
    }
}

// Keeps the movements of a buffer in a file of JSON lines: an entry for each movement, and {"done": [keys]} for those
// that the server has answered for. A line is with the operating system when record() returns, so it survives the end of
// the process, kill -9 included; with fsync it is on the disk and survives a power cut, too.
//
// One process at a time may use a file.
export class FileSpool {
    #path;
    #fsync;
    #file;
    #entries = new Map();
    #done = 0;
    #torn = false;

    constructor(path, { fsync = false } = {}) {
        this.#path = resolve(path);
        this.#fsync = fsync;
        if (open.has(this.#path)) throw new Error(`${this.#path} is in use by another buffer of this process`);
        mkdirSync(dirname(this.#path), { recursive: true });
        this.#read();
        open.add(this.#path);
    }

    get path() {
        return this.#path;
    }

    load() {
        return [...this.#entries.values()];
    }

    append(entry) {
        this.#entries.set(entry.key, entry);
        this.#write(entry);
    }

    remove(keys) {
        for (const key of keys) this.#entries.delete(key);
        this.#done += keys.length;
        if (this.#entries.size === 0) {
            this.#truncate();
        } else if (this.#done > COMPACT_BEHIND && this.#done > 2 * this.#entries.size) {
            this.#rewrite();
        } else {
            this.#write({ done: keys });
        }
    }

    close() {
        if (this.#file === undefined) return;
        closeSync(this.#file);
        this.#file = undefined;
        open.delete(this.#path);
    }

    #read() {
        let text = '';
        try {
            text = readFileSync(this.#path, 'utf8');
        } catch (error) {
            if (error.code !== 'ENOENT') throw error;
        }
        const lines = text.split('\n');
        // What follows the last line end is a line whose writing was cut off: record() never returned for it.
        const torn = lines.pop();
        let damaged = 0;
        for (const line of lines) {
            const value = parse(line);
            if (Array.isArray(value?.done)) value.done.forEach((key) => this.#entries.delete(key));
            else if (typeof value?.key === 'string') this.#entries.set(value.key, value);
            else if (line !== '') damaged++;
        }
        if (damaged > 0) copyFileSync(this.#path, `${this.#path}.damaged`);
        if (damaged > 0 || torn !== '' || lines.length !== this.#entries.size) this.#rewrite();
        else this.#open();
    }

    #open() {
        this.#file = openSync(this.#path, 'a', 0o600);
    }

    #write(value) {
        // A disk that was full has left half a line behind.
        const line = `${this.#torn ? '\n' : ''}${JSON.stringify(value)}\n`;
        this.#torn = true;
        writeFileSync(this.#file, line);
        this.#torn = false;
        if (this.#fsync) fsyncSync(this.#file);
    }

    #truncate() {
        ftruncateSync(this.#file, 0);
        this.#done = 0;
        this.#torn = false;
        if (this.#fsync) fsyncSync(this.#file);
    }

    // Beside the old file, which stays until the new one is complete.
    #rewrite() {
        const next = `${this.#path}.new`;
        const file = openSync(next, 'w', 0o600);
        try {
            writeFileSync(file, this.load().map((entry) => `${JSON.stringify(entry)}\n`).join(''));
            fsyncSync(file);
        } finally {
            closeSync(file);
        }
        renameSync(next, this.#path);
        if (this.#file !== undefined) closeSync(this.#file);
        this.#open();
        this.#done = 0;
        this.#torn = false;
    }
}
