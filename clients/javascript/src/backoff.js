// Exponential backoff with jitter. Half of the delay is fixed, so that a server that comes back is not met by a burst
// of immediate retries, and half is random, so that the counters of a building do not come back in step.
export function backoff(attempt, { minDelay, maxDelay }, random = Math.random) {
    const ceiling = Math.min(maxDelay, minDelay * 2 ** Math.min(attempt, 30));
    return ceiling / 2 + (ceiling / 2) * random();
}

// Where the server asks for patience it gets it, within reason; jitter is added on top.
const LONGEST_WAIT = 600_000;

export function retryDelay(error, attempt, limits, random = Math.random) {
    const delay = backoff(attempt, limits, random);
    if (!(error?.retryAfter > 0)) return delay;
    const asked = Math.min(error.retryAfter * 1000, LONGEST_WAIT);
    return Math.max(delay, asked + (limits.minDelay / 2) * random());
}
