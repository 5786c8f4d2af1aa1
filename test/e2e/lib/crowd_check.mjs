// What is wrong with what a crowd got (crowd.mjs), and how long it took.

// Of one session's messages, as they come: what each says against those before it.
class SessionCheck {
    told = {in: 0, out: 0};
    frames = new Map();     // the last of each writer
    totals = undefined;     // of the last statistics
    timestamp = '';

    constructor(say) {
        this.say = say;
    }

    movement({count, movements}, committed, seen) {
        if (count != movements.length || count < 1 || count > 500) this.say(`count is ${count}, with ${movements.length} movements`);
        let before = '';
        for (const {id, person_id: writer, movement_direction: direction, movement_time: time, frame_number: frame} of movements) {
            if (seen.has(id)) this.say(`${id} comes twice`);
            seen.add(id);
            if (committed.get(id)?.session != this.session) this.say(`${id} was not committed for this session`);
            if (time < before) this.say(`${id} of ${time} comes after ${before} in its message`);
            if (frame <= (this.frames.get(writer) ?? 0)) {
                this.say(`${id} was committed before a movement that was told earlier`);
            }
            before = time;
            this.frames.set(writer, frame);
            this.told[direction]++;
        }
    }

    statistics({total_people_entered: entered, total_people_exited: exited}) {
        if (entered < this.told.in || exited < this.told.out) {
            this.say(`${entered} in, ${exited} out, where ${this.told.in} and ${this.told.out} were told`);
        }
        if (this.totals && (entered < this.totals.in || exited < this.totals.out)) this.say('the totals went back');
        this.totals = {in: entered, out: exited};
    }
}

// Of all that was told in a channel.
export function channelFaults({session: only, messages}, committed) {
    const faults = [];
    const checks = new Map();
    const seen = new Set();
    for (const [n, message] of messages.entries()) {
        const session = message.session_id;
        if (only && session != only) faults.push(`message ${n} is of session ${session}`);
        if (!checks.has(session)) checks.set(session, new SessionCheck());
        const check = checks.get(session);
        Object.assign(check, {session, say: what => faults.push(`message ${n} of session ${session}: ${what}`)});
        if (message.timestamp < check.timestamp) check.say('it was made before one that was told earlier');
        check.timestamp = message.timestamp;
        if (message.type == 'movement') check.movement(message, committed, seen);
        if (message.type == 'statistics') check.statistics(message);
    }
    const wanted = [...committed].filter(([, {session}]) => !only || session == only);
    const missing = wanted.filter(([id]) => !seen.has(id));
    if (missing.length) faults.push(`${missing.length} of ${wanted.length} movements are missing, first ${missing[0][0]}`);
    for (const [session, {totals, told}] of checks) {
        if (totals?.in != told.in || totals?.out != told.out) {
            faults.push(`the last statistics of session ${session} are ${JSON.stringify(totals)}, of ${JSON.stringify(told)}`);
        }
    }
    return faults;
}

// Everything that is wrong, in words; of the whole crowd, each subscriber by itself.
export function faultsOf(crowd, committed) {
    const faults = [];
    const all = crowd.channels.get(undefined);
    for (const channel of crowd.channels.values()) {
        const name = channel.session ?? 'all';
        faults.push(...channelFaults(channel, committed).map(fault => `${name}: ${fault}`));
        const same = channel.session ? all.messages.map((message, n) => message.session_id == channel.session && all.texts[n]).filter(Boolean)
            : channel.texts;
        if (same.length != channel.texts.length || same.some((text, n) => text !== channel.texts[n])) {
            faults.push(`${name}: these are not the messages of that session among those of all`);
        }
    }
    for (const [n, listener] of crowd.listeners.entries()) {
        const say = fault => faults.push(`subscriber ${n} (${listener.transport}, ${listener.channel.session ?? 'all'}): ${fault}`);
        if (listener.subscriber.closed) say(`was disconnected: ${listener.subscriber.error}`);
        if (listener.fault) say(listener.fault);
        else if (!listener.isComplete) say(`has ${listener.times.length} of ${listener.channel.texts.length} messages`);
    }
    return faults;
}

// p50, p95, p99 and the highest of numbers.
export function percentiles(numbers) {
    const sorted = Float64Array.from(numbers).sort();
    const of = part => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
    return {p50: of(0.5), p95: of(0.95), p99: of(0.99), max: sorted.at(-1)};
}

// Milliseconds from the commit of each movement to each subscriber that `which` takes; and of that, to the look that found it.
export function latencies(crowd, committed, which = () => true) {
    const whole = [];
    const looked = [];
    for (const listener of crowd.listeners.filter(which)) {
        listener.channel.messages.forEach((message, n) => {
            if (message.type != 'movement') return;
            const look = Date.parse(message.timestamp);
            for (const {id} of message.movements) {
                const {at} = committed.get(id);
                whole.push(listener.times[n] - at);
                looked.push(look - at);
            }
        });
    }
    return {...percentiles(whole), look: percentiles(looked)};
}
