// The stack that a test talks to, and what it needs of it.
import { exec } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(exec);

function setting(name, meaning) {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set: ${meaning}`);
    return value;
}

export const url = setting('PEOPLE_COUNTER_URL', 'where a stack of the open profile listens, see scripts/stack').replace(/\/$/, '');

export async function stopGateway() {
    await run(setting('PEOPLE_COUNTER_GATEWAY_STOP', 'the command that stops the gateway'));
}

export async function startGateway() {
    await run(setting('PEOPLE_COUNTER_GATEWAY_START', 'the command that starts the gateway'));
}

export async function waitFor(condition, what, timeout = 60_000) {
    const end = performance.now() + timeout;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (performance.now() > end) throw new Error(`in ${timeout} ms there was not: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

// All movements of a session, page by page as a client reads them.
export async function allMovements(client, sessionId, limit = 200) {
    const movements = [];
    for (;;) {
        const page = await client.listMovements(sessionId, { limit, offset: movements.length });
        movements.push(...page.movements);
        if (page.movements.length < limit) return { movements, total: page.total };
    }
}
