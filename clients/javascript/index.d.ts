import type {
    Acknowledgement,
    DailyAnalytics,
    Dashboard,
    Health,
    HealthDetailed,
    HourlyAnalytics,
    MetricsBatchRecorded,
    MetricsRecorded,
    MetricsSample,
    Movement,
    MovementDirection,
    MovementPage,
    MovementRecorded,
    MovementsRecorded,
    PreparedMovement,
    RecentMetrics,
    Session,
    SessionChanges,
    SessionOptions,
    SessionPage,
    SessionStatus,
    SessionUpdated,
} from './api.js';

export * from './api.js';

export interface ClientOptions {
    /** Where the API is. Default http://localhost:8000. In a page a path is enough. */
    baseUrl?: string;
    /** Key of a device or a user, sent as X-API-Key. */
    apiKey?: string;
    /** JSON Web Token, or a function that is asked for one before every request. */
    token?: string | (() => string | undefined | Promise<string | undefined>);
    /** Milliseconds that one request may take, its answer included. Default 30000; 0: no limit. */
    timeout?: number;
    /** How often a request that may be repeated without harm is repeated. Default 2. */
    retries?: number;
    /** Further headers of every request. */
    headers?: Record<string, string>;
    /** Used in the place of the global fetch. */
    fetch?: typeof globalThis.fetch;
}

/** May be given to every call. */
export interface RequestOptions {
    signal?: AbortSignal;
    timeout?: number;
    retries?: number;
}

/** The call was refused, or there was no answer. */
export class PeopleCounterError extends Error {
    constructor(
        detail: string,
        options?: {
            status?: number;
            code?: PeopleCounterError['code'];
            retryAfter?: number;
            timestamp?: string;
            cause?: unknown;
        },
    );
    /** HTTP status; 0 if there was no answer. */
    readonly status: number;
    /** http: refused; network, timeout: no answer; protocol: an answer that is none of this API. */
    readonly code: 'http' | 'network' | 'timeout' | 'protocol';
    /** What is wrong, in the words of the server if there are any. */
    readonly detail: string;
    /** Seconds that the server asks to wait. */
    readonly retryAfter?: number;
    /** When, by the clock of the server. */
    readonly timestamp?: string;
    /** How often the request was sent. */
    readonly attempts: number;
    /** The same request may succeed later. */
    readonly transient: boolean;
    readonly cause?: unknown;
}

export class PeopleCounterClient {
    constructor(options?: ClientOptions);
    readonly baseUrl: string;

    /** Returns the id of the new session. */
    startSession(options?: SessionOptions, request?: RequestOptions): Promise<string>;
    /** Completes the session, unless the changes name another status. */
    endSession(sessionId: string, changes?: SessionChanges, request?: RequestOptions): Promise<SessionUpdated>;
    updateSession(sessionId: string, changes: SessionChanges, request?: RequestOptions): Promise<SessionUpdated>;
    getSession(sessionId: string, request?: RequestOptions): Promise<Session>;
    /** Newest start first. limit: 50, at most 100. */
    listSessions(
        filter?: { limit?: number; offset?: number; status?: SessionStatus },
        request?: RequestOptions,
    ): Promise<SessionPage>;

    recordMovement(sessionId: string, movement: Movement, request?: RequestOptions): Promise<MovementRecorded>;
    recordMovements(sessionId: string, movements: Movement[], request?: RequestOptions): Promise<MovementsRecorded>;
    /** Newest first. limit: 100, at most 1000. */
    listMovements(
        sessionId: string,
        filter?: { limit?: number; offset?: number; direction?: MovementDirection },
        request?: RequestOptions,
    ): Promise<MovementPage>;
    /** A buffer of movements that survives outages. */
    buffer(sessionId: string, options?: BufferOptions): MovementBuffer;

    recordMetrics(sessionId: string, sample: MetricsSample, request?: RequestOptions): Promise<MetricsRecorded>;
    recordMetrics(sessionId: string, samples: MetricsSample[], request?: RequestOptions): Promise<MetricsBatchRecorded>;
    /** minutes: 10, 1 to 60. */
    recentMetrics(sessionId: string, filter?: { minutes?: number }, request?: RequestOptions): Promise<RecentMetrics>;
    /** hours: 24, 1 to 168. */
    getHourlyAnalytics(
        filter?: { session_id?: string; hours?: number },
        request?: RequestOptions,
    ): Promise<HourlyAnalytics>;
    /** days: 30, 1 to 365. */
    getDailyAnalytics(
        filter?: { session_id?: string; days?: number },
        request?: RequestOptions,
    ): Promise<DailyAnalytics>;
    getDashboard(request?: RequestOptions): Promise<Dashboard>;

    /** Throws with status 503 when the database is away. Never repeated by itself. */
    getHealth(request?: RequestOptions): Promise<Health>;
    getHealthDetailed(request?: RequestOptions): Promise<HealthDetailed>;
    acknowledgeAlert(
        alertId: string,
        acknowledgement?: Acknowledgement,
        request?: RequestOptions,
    ): Promise<Record<string, unknown>>;
}

export interface BufferOptions {
    /** Movements in one request at most, and how many are sent without waiting for maxAge. Default 500. */
    batchSize?: number;
    /** Milliseconds that a movement waits for others. Default 1000. */
    maxAge?: number;
    /** record() throws when so many wait. Default 1000000. */
    maxPending?: number;
    /** Milliseconds before the first repetition. Default 500. */
    minDelay?: number;
    /** Longest time between two attempts, in milliseconds. Default 30000. */
    maxDelay?: number;
    /** Where movements are kept until the server has them. Default: in memory alone. */
    storage?: MovementStorage;
    /** The server refused a movement for good. Without a listener it is written to the console. */
    onRejected?: (movement: PreparedMovement, detail: string, sessionId: string) => void;
    /** An attempt failed and is repeated in retryIn milliseconds; or, with attempt 0, the storage failed. */
    onError?: (error: unknown, details: { attempt: number; retryIn?: number }) => void;
    /** The server answered for a batch. */
    onFlush?: (counts: BufferStats) => void;
    /** For tests. */
    clock?: Clock;
}

export interface BufferStats {
    recorded: number;
    /** The server had them already: their first answer was lost. */
    duplicates: number;
    rejected: number;
    /** Still in the buffer. */
    pending: number;
}

/** Made by client.buffer(). */
export class MovementBuffer {
    private constructor();
    readonly sessionId: string;
    readonly pending: number;
    /** Since the buffer was made. */
    readonly stats: BufferStats;
    /** Returns the id of the movement. Throws for what no server could store, when the buffer is full, and when it is closed. */
    record(movement: Movement): string;
    /** Sends now. Rejects at the first attempt that fails; the movements stay, and are tried again in the background. */
    flush(): Promise<BufferStats>;
    /** Sends the rest, for at most so many milliseconds (default 10000); then stats.pending says what is left. */
    close(timeout?: number): Promise<BufferStats>;
}

export interface StorageEntry {
    /** Unique, and in the order of recording. */
    key: string;
    session_id: string;
    movement: PreparedMovement;
}

/** Called in this order: load once, then append and remove; remove only when the appends have ended. */
export interface MovementStorage {
    load(): StorageEntry[] | Promise<StorageEntry[]>;
    append(entry: StorageEntry): void | Promise<void>;
    remove(keys: string[]): void | Promise<void>;
    close?(): void | Promise<void>;
}

/** Keeps movements in the localStorage of a browser, under names that begin with name. */
export class LocalStorageSpool implements MovementStorage {
    constructor(name?: string, storage?: Pick<Storage, 'length' | 'key' | 'getItem' | 'setItem' | 'removeItem'>);
    load(): StorageEntry[];
    append(entry: StorageEntry): void;
    remove(keys: string[]): void;
}

export interface Clock {
    now(): number;
    elapsed(): number;
    setTimeout(run: () => void, milliseconds: number): unknown;
    clearTimeout(timer: unknown): void;
    random(): number;
}

/** A UUIDv7, greater than all that were made before in this process. */
export function uuidv7(now?: number): string;
