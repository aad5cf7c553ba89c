import { drawTarget, type FaultWord, faultWord, slotsOf, type Target, together } from './fault-word.js';

/**
 * SIGSTOP of a client: shorter or longer than its lease. With `sleeps` its machine slept: the monotonic clock stood
 * still as well, and only the boot-time and wall clocks tell (Node #47724).
 */
export const clientPause: FaultWord = faultWord<{
  readonly client: Target;
  readonly timersFirst: boolean;
  readonly sleeps: boolean;
}>(
  'client-pause',
  (random, field) => ({
    durationMs: random.between(100, 2 * field.ttlMs),
    params: { client: drawTarget(random, field), timersFirst: random.chance(0.5), sleeps: random.chance(0.25) },
  }),
  (field, { client, timersFirst, sleeps }) => {
    const startMs = field.world.nowMs;
    const paused = slotsOf(field, client)
      .map((slot) => slot.current)
      .filter(({ process }) => !process.paused && !process.crashed);
    for (const each of paused) each.pause();
    return together(paused.map((each) => () => each.resume(timersFirst, sleeps ? field.world.nowMs - startMs : 0)));
  },
);

/** SIGKILL of a client: nobody gives anything back. Another process starts in its place, or none does. */
export const clientCrash: FaultWord = faultWord<{ readonly client: number; readonly restarts: boolean }>(
  'client-crash',
  (random, field) => ({
    durationMs: random.between(0, 3000),
    params: { client: random.below(field.clients), restarts: random.chance(0.7) },
  }),
  (field, { client, restarts }) => {
    const slot = field.slots[client];
    if (slot === undefined || slot.current.process.crashed || slot.current.closed) return undefined;
    slot.current.crash();
    return restarts ? () => slot.restart() : undefined;
  },
);

/** Somebody sets a client's wall clock. */
export const clockJump: FaultWord = faultWord<{ readonly client: Target; readonly byMs: number }>(
  'clock-jump',
  (random, field) => ({
    durationMs: 0,
    params: {
      client: drawTarget(random, field),
      byMs: random.pick([-3_600_000, -field.ttlMs, -200, 200, field.ttlMs / 2, 3_600_000]),
    },
  }),
  (field, { client, byMs }) => {
    for (const slot of slotsOf(field, client)) slot.current.process.jumpWall(byMs);
    return undefined;
  },
);

/**
 * The clocks of a client run faster or slower than the server's, within what the margin of the deadline allows: 1 %.
 */
export const clockRate: FaultWord = faultWord<{ readonly client: Target; readonly rate: number }>(
  'clock-rate',
  (random, field) => ({
    durationMs: random.between(1000, 8000),
    params: { client: drawTarget(random, field), rate: random.pick([0.991, 0.998, 1.002, 1.01, 1.05]) },
  }),
  (field, { client, rate }) => {
    const processes = slotsOf(field, client).map((slot) => slot.current.process);
    for (const process of processes) process.setRate(rate);
    return together(processes.map((process) => () => process.setRate(1)));
  },
);
