import type { MovementStorage, StorageEntry } from './index.js';

/** Keeps movements in a file of JSON lines, for Node. One process at a time may use a file. */
export class FileSpool implements MovementStorage {
    /** fsync: also survive a power cut, at the price of a disk flush for every movement. Default false. */
    constructor(path: string, options?: { fsync?: boolean });
    readonly path: string;
    load(): StorageEntry[];
    append(entry: StorageEntry): void;
    remove(keys: string[]): void;
    close(): void;
}
