// Compiled, not run: npm run types.
import {
    LocalStorageSpool,
    MovementBuffer,
    PeopleCounterClient,
    PeopleCounterError,
    uuidv7,
    type BufferStats,
    type Dashboard,
    type MovementStorage,
} from 'people-counter-client';
import { FileSpool } from 'people-counter-client/spool';

const client = new PeopleCounterClient({ baseUrl: 'http://localhost:8000', token: async () => 'token', timeout: 1 });
const door: string = await client.startSession({ session_name: 'Door', start_time: new Date(), capacity: 80, note: 1 });
await client.updateSession(door, { fps: 25 }, { timeout: 5_000 });
await client.endSession(door);
const inside: number = (await client.getSession(door)).statistics.current_people_inside;
const names: string[] = (await client.listSessions({ status: 'active' })).sessions.map((one) => one.session_name);
const one = await client.recordMovement(door, { person_id: 1, movement_direction: 'in', id: uuidv7() });
const status: 'recorded' | 'duplicate' = one.status;
for (const result of (await client.recordMovements(door, [])).results) {
    const text: string = result.status === 'rejected' ? result.detail : result.movement_id;
    console.log(text);
}
const x: number | null | undefined = (await client.listMovements(door, { direction: 'out' })).movements[0]?.centroid.x;
const sample: string = (await client.recordMetrics(door, { fps_current: 25 })).metrics_id;
const samples: number = (await client.recordMetrics(door, [{ detection_status: 'waiting' }])).rejected;
const minutes: number = (await client.recentMetrics(door, { minutes: 10 })).period_minutes;
const hours: number = (await client.getHourlyAnalytics({ session_id: door, hours: 24 })).period_hours;
const days: number = (await client.getDailyAnalytics()).period_days;
const dashboard: Dashboard = await client.getDashboard({ signal: new AbortController().signal });
const health: string = (await client.getHealth()).status;
const version: unknown = (await client.getHealthDetailed()).database['version'];
await client.acknowledgeAlert(uuidv7(), { acknowledged_by: 'guard', note: 'seen' });

const storages: MovementStorage[] = [new FileSpool('spool.jsonl', { fsync: true }), new LocalStorageSpool()];
const buffer: MovementBuffer = client.buffer(door, {
    storage: storages[0]!,
    onRejected: (movement, detail) => console.log(movement.id.length, detail.length),
    onError: (error, { attempt, retryIn }) => {
        if (error instanceof PeopleCounterError && error.status === 429) console.log(error.retryAfter, attempt, retryIn);
    },
});
const id: string = buffer.record({ person_id: 2, movement_direction: 'out', movement_time: new Date() });
const stats: BufferStats = await buffer.flush();
await buffer.close(5_000);

// @ts-expect-error: a direction is in or out
buffer.record({ person_id: 2, movement_direction: 'up' });
// @ts-expect-error: made by client.buffer()
new MovementBuffer();
// @ts-expect-error: the names are those of the API
await client.recordMovement(door, { personId: 1, movementDirection: 'in' });

export { dashboard, days, health, hours, id, inside, minutes, names, sample, samples, stats, status, version, x };
