import { ConclaveError } from '../core/errors.js';
import type { Fate, Message } from '../sim/sim-link.js';
import type { Fault } from './fault.js';
import { lastingFor } from './lasting.js';
import { type MessageName, messagesNamed } from './message-name.js';
import type { TestClient } from './test-client.js';
import { checkMs, type TestTime } from './test-time.js';

/** Which way. `toServer`: requests are lost; `toClient`: requests are carried out, and their answers are lost. */
export type Direction = Message['direction'];

export interface LoseOptions {
  /** Only messages of this name. Default: every request that has one answer, see `MessageName`. */
  readonly of?: MessageName | undefined;
  /** How many. Default: 1. */
  readonly count?: number | undefined;
  /**
   * `reset`: the connection breaks, and the call fails at once with `UNAVAILABLE`, outcome unknown; `silently`: it
   * waits for its own timeout. Default: `reset`.
   */
  readonly how?: 'reset' | 'silently' | undefined;
}

export interface DuplicateOptions {
  /** Only requests of this name. TCP repeats nothing on a stream: there are no heartbeats and watches among them. */
  readonly of?: Exclude<MessageName, 'keepAlive' | 'watch'> | undefined;
  /** How many. Default: 1. */
  readonly count?: number | undefined;
}

/** Nothing passes; when it ends, what was under way fails and connections are made anew. */
export function partition(client: TestClient, direction: Direction | 'both'): Fault {
  const { link, channel, faults } = client;
  return faults.begin(`partition ${direction}`, 'partition', undefined, (fault) => {
    const heal = link.add((message, fate) => {
      if (direction !== 'both' && message.direction !== direction) return;
      fate.lost = 'silently';
      fault.hit();
    });
    return () => {
      heal();
      channel.reset();
    };
  });
}

/** Every message takes longer by `ms` each way. */
export function delay(client: TestClient, ms: number): Fault {
  checkMs('ms', ms);
  return client.faults.begin('delay', 'delay', ms, (fault) =>
    client.link.add((_, fate) => {
      fate.delayMs += fault.params;
      fault.hit();
    }),
  );
}

/** The next messages of a kind do not arrive. */
export function loseNext(client: TestClient, direction: Direction, name: string, options: LoseOptions): Fault {
  const { of, how = 'reset' } = options;
  return hitNext(client, direction, { name, of, how }, options.count, (fate) => {
    fate.lost = how;
  });
}

/** The next requests of a kind are carried out twice. */
export function duplicateNext(client: TestClient, name: string, { of, count }: DuplicateOptions): Fault {
  return hitNext(client, 'toServer', { name, of, how: 'twice' }, count, (fate) => {
    fate.twice = true;
  });
}

function hitNext(
  client: TestClient,
  direction: Direction,
  { name, of, how }: { readonly name: string; readonly of: MessageName | undefined; readonly how: string },
  count = 1,
  change: (fate: Fate) => void,
): Fault {
  if (!(Number.isInteger(count) && count > 0)) {
    throw new ConclaveError('INVALID_ARGUMENT', `count must be a whole number of at least 1, got ${count}`);
  }
  const matches = messagesNamed(of);
  return client.faults.begin(`${name} ${of ?? ''} ${how}`, name, { left: count }, (fault) =>
    client.link.add((message, fate) => {
      if (message.direction !== direction || !matches(message)) return;
      change(fate);
      fault.hit();
      fault.params = { left: fault.params.left - 1 };
      if (fault.params.left <= 0) fault.end();
    }),
  );
}

/** How a process comes to stand still. */
export type Standstill =
  /** SIGSTOP: what it finds first on waking is what has arrived. */
  | 'pause'
  /** Its event loop was busy: what it finds first are its timers. */
  | 'stall'
  /** Its machine slept: its monotonic clock and its timers stood still, too (Node #47724). */
  | 'suspend';

/** Nothing runs in the process for `ms`, which begin now. */
export function standStill({ process, faults }: TestClient, how: Standstill, ms: number, time: TestTime): Fault {
  return lastingFor(time, faults, { kind: 'standstill', name: how }, ms, () => {
    const startMs = time.world.nowMs;
    process.pause();
    return () => process.resume(how === 'stall', how === 'suspend' ? time.world.nowMs - startMs : 0);
  });
}
