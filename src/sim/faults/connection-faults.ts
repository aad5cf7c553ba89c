import type { Fate, Message } from '../sim-link.js';
import { drawTarget, type FaultWord, faultWord, linksOf, slotsOf, type Target, together } from './fault-word.js';

type Direction = Message['direction'];

/** Every call of a client's connections fails at once, at both ends, and what was on the way is gone. */
export const reset: FaultWord = faultWord<{ readonly client: Target }>(
  'reset',
  (random, field) => ({ durationMs: 0, params: { client: drawTarget(random, field) } }),
  (field, { client }) => {
    for (const slot of slotsOf(field, client)) for (const channel of slot.current.channels) channel.reset();
    return undefined;
  },
);

/**
 * The open streams of a client go dumb in one direction or both, and neither end is told: a NAT box that forgot the
 * connection, a dead peer. When it ends the transport finds out, and resets them.
 */
export const halfOpen: FaultWord = faultWord<{ readonly client: Target; readonly directions: readonly Direction[] }>(
  'half-open',
  (random, field) => ({
    durationMs: random.between(1000, 5000),
    params: {
      client: drawTarget(random, field),
      directions: random.pick([['toServer'], ['toClient'], ['toServer', 'toClient']] as const),
    },
  }),
  (field, { client, directions }) => {
    const channels = slotsOf(field, client).flatMap((slot) => slot.current.channels);
    const streams = channels.flatMap((channel) => channel.streams);
    for (const stream of streams) for (const direction of directions) stream.silence(direction);
    return together(streams.map((stream) => () => stream.reset()));
  },
);

/**
 * Nothing passes in one direction. TCP sends it again: what was sent meanwhile arrives when it ends, unless the
 * connection has given up by then.
 */
export const partition: FaultWord = faultWord<{
  readonly client: Target;
  readonly directions: readonly Direction[];
  readonly givesUp: boolean;
}>(
  'partition',
  (random, field) => ({
    durationMs: random.between(300, 1.5 * field.ttlMs),
    params: {
      client: drawTarget(random, field),
      directions: random.pick([['toServer'], ['toClient'], ['toServer', 'toClient']] as const),
      givesUp: random.chance(0.4),
    },
  }),
  (field, { client, directions, givesUp }, { untilMs }) => {
    const rules = linksOf(field, client).map((link) =>
      link.add((message, fate) => {
        if (directions.includes(message.direction)) holdUntil(fate, untilMs);
      }),
    );
    return together([
      ...rules,
      () => {
        if (!givesUp) return;
        for (const slot of slotsOf(field, client)) for (const channel of slot.current.channels) channel.reset();
      },
    ]);
  },
);

/**
 * Answers take longer and longer, then nothing passes any more: a link that drowns. What was acknowledged late is the
 * last that a client hears, and what it may rely on counts from when it asked.
 */
export const fade: FaultWord = faultWord<{ readonly client: Target; readonly slowMs: number; readonly cutMs: number }>(
  'fade',
  (random, field) => {
    const cutMs = random.between(field.ttlMs / 3, field.ttlMs);
    return {
      durationMs: cutMs + random.between(field.ttlMs, 1.6 * field.ttlMs),
      params: { client: drawTarget(random, field), slowMs: random.between(50, field.ttlMs / 5), cutMs },
    };
  },
  (field, { client, slowMs, cutMs }, { atMs, untilMs }) => {
    const rules = linksOf(field, client).map((link) =>
      link.add((message, fate, random) => {
        const sinceMs = field.world.nowMs - atMs;
        if (sinceMs > cutMs) holdUntil(fate, untilMs);
        else if (message.direction === 'toClient') fate.delayMs += random.between(0.5, 1) * slowMs;
      }),
    );
    return together(rules);
  },
);

/** Of several faults that hold a message, the one that ends last lets it go. */
function holdUntil(fate: Fate, untilMs: number): void {
  fate.heldUntilMs = Math.max(fate.heldUntilMs, untilMs);
}
