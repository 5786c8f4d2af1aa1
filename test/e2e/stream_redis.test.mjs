// Two gateways with one redis: what is published at one of them arrives at both, in order, and who was at one may come back at the other.
// And what happens when one of the three is away.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {env, request, sh, until} from './lib/http.mjs';
import {TRANSPORTS, identity, publisher, receives, subscribe, subscribed} from './lib/stream.mjs';

const options = process.env.PEOPLE_COUNTER_REDIS_A_URL ? {} : {skip: 'there is no redis'};
const urls = options.skip ? [] : [env('REDIS_A_URL'), env('REDIS_B_URL')];
const sources = options.skip ? [] : await Promise.all(['A', 'B'].map(async name => publisher(env(`REDIS_${name}_PUBLISH_SOCKET`), await identity('PSQL'))));

const several = (from, count) => Array.from({length: count}, (_, i) => JSON.stringify({type: 'statistics', n: from + i}));
async function newSession() {
    const answer = await fetch(`${urls[0]}/sessions`, {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}});
    return (await answer.json()).session_id;
}

test('published at one, received at both', options, async () => {
    for (const [i, source] of sources.entries()) {
        const session = await newSession();
        const crowd = await Promise.all(urls.flatMap(url => TRANSPORTS.flatMap(transport =>
            [{}, {session_id: session}].map(query => subscribed(url, transport, {query})))));
        const wanted = several(i * 1000, 500);
        for (const message of wanted) await source.publish(message, session);
        for (const subscriber of crowd) {
            await receives(subscriber, wanted, `gateway ${i}`);
            subscriber.close();
        }
    }
});

test('who was at one comes back at the other', options, async () => {
    const session = await newSession();
    for (const transport of TRANSPORTS) {
        const first = await subscribed(urls[0], transport, {query: {session_id: session}});
        for (const message of several(0, 20)) await sources[1].publish(message, session);
        await receives(first, several(0, 20));
        first.close();
        for (const message of several(20, 100)) await sources[0].publish(message, session);
        const again = await subscribed(urls[1], transport, {query: {session_id: session, last_event_id: first.last}});
        await receives(again, several(20, 100));
        assert.notEqual(again.last, first.last);
        again.close();
    }
});

// The one message that is sent again until it is taken, as the extension does; false while it is not.
const taken = async (source, message, session) => {
    try {
        const status = await source.post({session}, message);
        assert.ok([200, 201, 202, 503].includes(status), `${status}`);
        return status != 503;
    } catch (error) {
        assert.match(error.code, /ECONNREFUSED|ECONNRESET|ENOENT|EPIPE/);
        return false;
    }
};
const publishAll = async (source, messages, session) => {
    for (const message of messages) await until(`${message} is taken`, () => taken(source, message, session));
};
const crowdOf = session => Promise.all(urls.flatMap(url => TRANSPORTS.map(transport => subscribed(url, transport, {query: {session_id: session}}))));

test('redis falls over and comes back: nobody is disconnected, and who publishes goes on where it was', options, async () => {
    const session = await newSession();
    const crowd = await crowdOf(session);
    await publishAll(sources[0], several(0, 20), session);
    for (const subscriber of crowd) await receives(subscriber, several(0, 20));

    await sh(env('REDIS_KILL'));
    for (const [i, source] of sources.entries()) {
        await until(`gateway ${i} has noticed`, async () => !await taken(source, '{"lost": true}', 'ffffffff-0000-4000-8000-000000000000'));
        assert.equal((await request(urls[i], 'GET', '/health')).status, 200);
    }
    for (const subscriber of crowd) assert.ok(!subscriber.closed, `${subscriber.error}`);
    await sh(env('REDIS_START'));
    // Each gateway comes back by itself, at a time of its own.
    for (const source of sources) await until('it publishes', () => taken(source, '{"found": true}', 'ffffffff-0000-4000-8000-000000000000'));
    for (const [i, source] of sources.entries()) await publishAll(source, several(20 + i * 100, 100), session);
    for (const subscriber of crowd) {
        await receives(subscriber, several(0, 220));
        assert.ok(!subscriber.closed);
        subscriber.close();
    }
});

test('a gateway starts while redis is away, serves what needs none, and publishes when it comes', options, async () => {
    const session = await newSession();
    await sh(env('REDIS_A_KILL'));
    await sh(env('REDIS_KILL'));
    await sh(env('REDIS_A_START'));
    await until('it serves', async () => (await request(urls[0], 'GET', '/health')).status == 200);
    assert.equal((await request(urls[0], 'GET', '/')).status, 200);
    assert.equal(await taken(sources[0], '{"lost": true}', session), false);
    await sh(env('REDIS_START'));
    // Who subscribes meanwhile is refused, or gets everything: nobody is left without a word.
    const crowd = (await Promise.all(Array.from({length: 100}, async (_, i) => {
        await new Promise(resolve => setTimeout(resolve, 30 * i));
        return subscribe(urls[i % 2], TRANSPORTS[i % 4 >> 1], {query: {session_id: session}});
    }))).filter(one => one.status == 200 || assert.equal(one.status, 503));
    for (const source of sources) await until('it publishes', () => taken(source, '{"found": true}', 'ffffffff-0000-4000-8000-000000000000'));
    crowd.push(...await crowdOf(session));
    await publishAll(sources[0], several(0, 50), session);
    for (const subscriber of crowd) {
        await receives(subscriber, several(0, 50));
        subscriber.close();
    }
});

test('a gateway is killed: the other goes on, and who was there misses nothing', options, async () => {
    const session = await newSession();
    const crowd = await crowdOf(session);
    await publishAll(sources[0], several(0, 20), session);
    for (const subscriber of crowd) await receives(subscriber, several(0, 20));

    await sh(env('REDIS_A_KILL'));
    const [here, there] = [crowd.slice(0, 2), crowd.slice(2)];
    for (const subscriber of here) await until('it is disconnected', () => subscriber.closed);
    assert.equal(await taken(sources[0], '{"lost": true}', session), false);
    await publishAll(sources[1], several(20, 80), session);
    for (const subscriber of there) await receives(subscriber, several(0, 100));

    await sh(env('REDIS_A_START'));
    for (const [i, transport] of TRANSPORTS.entries()) {
        const back = await until('it is back', async () => {
            const one = await subscribe(urls[0], transport, {query: {session_id: session, last_event_id: here[i].last}});
            return one.status == 200 && one;
        });
        await receives(back, several(20, 80 + i * 10), `what was missed at ${transport}`);
        await publishAll(sources[0], several(100 + i * 10, 10), session);
        await receives(back, several(20, 90 + i * 10), `what comes after it at ${transport}`);
        back.close();
    }
    for (const subscriber of there) {
        await receives(subscriber, several(0, 120));
        subscriber.close();
    }
});
