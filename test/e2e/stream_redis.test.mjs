// Two gateways with one redis: what is published at one of them arrives at both, in order, and who was at one may come back at the other.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {env} from './lib/http.mjs';
import {TRANSPORTS, publisher, receives, subscribed} from './lib/stream.mjs';

const options = process.env.PEOPLE_COUNTER_REDIS_A_URL ? {} : {skip: 'there is no redis'};
const urls = options.skip ? [] : [env('REDIS_A_URL'), env('REDIS_B_URL')];
const sources = options.skip ? [] : [publisher(env('REDIS_A_PUBLISH_SOCKET')), publisher(env('REDIS_B_PUBLISH_SOCKET'))];

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
