// The whole way: what is posted to the API is committed, published by the extension, and arrives at who subscribes.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {client, env, good, isTime, isUuid, movement, newSession, psql, sh, until} from './lib/http.mjs';
import {TRANSPORTS, identity, subscribed} from './lib/stream.mjs';

const knows = await psql('PSQL', "SELECT count(*) FROM pg_settings WHERE name = 'people_counter.stream_url' AND setting <> ''") == '1';
const options = knows ? {} : {skip: 'the extension that runs does not publish'};
const api = client(env('URL'));

const messages = (subscriber, type) => subscriber.messages.map(text => JSON.parse(text)).filter(message => message.type == type);

for (const transport of TRANSPORTS) {
    test(`${transport}: movements that are posted arrive, each once, and the statistics after them`, options, async () => {
        const session = await newSession(api);
        const all = await subscribed(env('URL'), transport);
        const mine = await subscribed(env('URL'), transport, {query: {session_id: session}});
        const first = Date.now() - 60000;
        for (let n = 0; n < 20; n++) {
            good(await api.post(`/sessions/${session}/movements`, movement({person_id: n, movement_time: new Date(first + n * 1000).toISOString()})));
        }
        for (const subscriber of [all, mine]) {
            const of = type => messages(subscriber, type).filter(message => message.session_id == session);
            const moved = () => of('movement').flatMap(message => message.movements);
            await until('20 movements', () => moved().length >= 20);
            await until('their statistics', () => of('statistics').at(-1)?.total_people_entered == 20);
            assert.deepEqual(moved().map(one => one.person_id), Array.from({length: 20}, (_, n) => n));
            for (const message of of('movement')) {
                assert.equal(message.count, message.movements.length);
                isTime(message.timestamp);
            }
            for (const one of moved()) {
                isUuid(one.id);
                assert.equal(one.movement_direction, 'in');
            }
            assert.equal(of('statistics').at(-1).current_people_inside, 20);
        }
        assert.ok(mine.messages.every(text => JSON.parse(text).session_id == session));
    });
}

// The settings of publishing are the cluster's, so the other database publishes here, too.
test('what another database of the cluster publishes is not for who subscribes to this one', options, async () => {
    const foreign = await psql('CLOSED_PSQL', "INSERT INTO sessions (session_name) VALUES ('elsewhere') RETURNING id");
    const all = await subscribed(env('URL'), 'events');
    const published = async database => sh(`curl -s --unix-socket '${env('PUBLISH_SOCKET')}' 'http://localhost/channel?name=session_${foreign}.${database}'`);
    await psql('CLOSED_PSQL', `INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ('${foreign}', 1, 'in')`);
    await until('it is published here', async () => /queued messages: [1-9]/.test(await published(await identity('CLOSED_PSQL'))));
    assert.doesNotMatch(await published(await identity('PSQL')), /queued messages: [1-9]/);
    const own = await newSession(api);
    good(await api.post(`/sessions/${own}/movements`, movement({})));
    await until('what is of this one', () => messages(all, 'movement').some(message => message.session_id == own));
    assert.ok(!all.messages.some(text => text.includes(foreign)));
});
