// Many at the same time: each movement is counted once.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ago, client, env, good, movement, newId, newSession, psql, refused} from './lib/http.mjs';

const api = client(env('URL'));

// Repeats with the same seed do the same.
const seed = Number(process.env.PEOPLE_COUNTER_SEED ?? Math.floor(Math.random() * 1e9));
console.log(`# PEOPLE_COUNTER_SEED=${seed}`);
let state = seed;
const random = below => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
};

async function consistent() {
    assert.equal(await psql('PSQL', 'SELECT * FROM verify_statistics()'), '');
}

test('16 clients with overlapping batches into the same sessions', async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => newSession(api)));
    const movements = Array.from({length: 2000}, (_, i) => ({session: sessions[random(3)], row: movement({person_id: i, id: newId(),
        movement_time: ago(random(7200)), movement_direction: random(3) ? 'in' : 'out'})}));
    const recorded = new Map();
    const work = Array.from({length: 16}, () => Array.from({length: 12}, () => {
        const session = sessions[random(3)];
        const from = random(movements.length);
        const some = movements.slice(from, from + 1 + random(300)).filter(m => m.session == session).map(m => m.row);
        return [session, random(2) ? some : some.reverse()];
    }));
    const sent = new Set();
    await Promise.all(work.map(async batches => {
        for (const [session, batch] of batches) {
            let answer;
            // Who was about the same rows at the same time may be asked to try again.
            for (let tries = 0; !answer; ++tries) {
                assert.ok(tries < 50);
                const reply = await api.post(`/sessions/${session}/movements`, batch);
                if (reply.status == 503) refused(reply, 503); else answer = good(reply);
            }
            assert.deepEqual([answer.count, answer.rejected], [batch.length, 0]);
            assert.equal(answer.recorded + answer.duplicates, batch.length);
            answer.results.forEach((result, i) => {
                assert.equal(result.movement_id, batch[i].id);
                sent.add(batch[i].id);
                if (result.status == 'recorded') recorded.set(result.movement_id, (recorded.get(result.movement_id) ?? 0) + 1);
            });
        }
    }));
    assert.equal(recorded.size, sent.size);
    assert.ok([...recorded.values()].every(times => times == 1), 'one was recorded twice');
    for (const session of sessions) {
        const {statistics} = good(await api.get(`/sessions/${session}`));
        const mine = movements.filter(m => m.session == session && sent.has(m.row.id)).map(m => m.row.movement_direction);
        assert.equal(statistics.total_people_entered, mine.filter(d => d == 'in').length);
        assert.equal(statistics.total_people_exited, mine.filter(d => d == 'out').length);
        assert.equal(good(await api.get(`/sessions/${session}/movements?limit=1`)).total, mine.length);
    }
    await consistent();
});

test('16 clients send the same movement', async () => {
    const session = await newSession(api);
    for (let round = 0; round < 10; ++round) {
        const row = movement({id: newId(), movement_time: ago(round)});
        const answers = await Promise.all(Array.from({length: 16}, () => api.post(`/sessions/${session}/movements`, row)));
        const statuses = answers.map(a => good(a).status);
        assert.equal(statuses.filter(s => s == 'recorded').length, 1);
        assert.equal(statuses.filter(s => s == 'duplicate').length, 15);
    }
    assert.equal(good(await api.get(`/sessions/${session}`)).statistics.total_people_entered, 10);
});

test('16 clients make the same session', async () => {
    const id = newId();
    const answers = await Promise.all(Array.from({length: 16}, () => api.post('/sessions', {id})));
    assert.deepEqual(answers.map(a => a.status).sort(), [200, ...Array(15).fill(409)]);
    answers.filter(a => a.status == 409).forEach(a => refused(a, 409));
});

test('movements and metrics while sessions end, and everybody looks', async () => {
    const sessions = await Promise.all(Array.from({length: 4}, () => newSession(api, {start_time: ago(3600)})));
    const counted = new Map(sessions.map(id => [id, 0]));
    await Promise.all(Array.from({length: 16}, async (_, n) => {
        const id = sessions[n % 4];
        for (let i = 0; i < 15; ++i) {
            const kind = (n + i) % 5;
            const answer = kind == 0 ? await api.post(`/sessions/${id}/metrics`, {current_people_count: i})
                : kind == 1 ? await api.get('/dashboard/summary')
                : kind == 2 ? await api.put(`/sessions/${id}`, {total_frames: i, status: i == 9 ? 'completed' : undefined})
                : await api.post(`/sessions/${id}/movements`, movement({movement_time: ago(i)}));
            if (kind > 2 && answer.status == 200) counted.set(id, counted.get(id) + 1);
            if (answer.status != 200) refused(answer, answer.status == 503 ? 503 : 400);
        }
    }));
    for (const [id, count] of counted) {
        assert.ok(count > 0);
        assert.equal(good(await api.get(`/sessions/${id}`)).statistics.total_people_entered, count);
    }
    await consistent();
});
