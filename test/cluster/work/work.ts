import type { Conclave } from '../../../src/conclave.js';
import { ConclaveError } from '../../../src/core/errors.js';
import type { Held } from '../../../src/line/held.js';
import type { Recorder } from '../../../src/sim/history.js';
import type { Prng } from '../../../src/sim/prng.js';
import type { Store } from '../../../src/store/store.js';
import { monotonicMs } from '../clock.js';
import type { ClientConfig, Report } from '../messages.js';
import type { Tape } from '../tape.js';

/** What a client process works with. */
export interface Client {
  readonly name: string;
  readonly config: ClientConfig;
  readonly conclave: Conclave;
  readonly store: Store;
  readonly tape: Tape;
  readonly recorder: Recorder;
  readonly random: Prng;
  /** Aborts when nothing new is to be begun. */
  readonly finishing: AbortSignal;
  /** Aborts when everything is given back. */
  readonly closing: AbortSignal;
  tell(report: Report): void;
}

export interface Work {
  /** Until `finishing` aborts. */
  run(client: Client): Promise<void>;
  /** Beside it, until `closing` aborts. */
  observe?(client: Client): Observing;
}

export interface Observing {
  /** Called when nothing changes any more: resolves when the last state was seen, or was not within a bound. */
  settle(): Promise<void>;
  readonly done: Promise<void>;
}

/** What can be read of anything that is held. */
export type Reading = Pick<Held, 'fence' | 'leaseId' | 'held' | 'remainingMs'>;

/** With the word of its loss. */
export type Holding = Reading & Pick<Held, 'signal'>;

/** Errors that an outage explains. Anything else is a finding, and written down as such. */
export function expectError(client: Client, error: unknown): void {
  if (ConclaveError.is(error, 'TIMEOUT', 'UNAVAILABLE', 'SESSION_LOST', 'LOST', 'CANCELLED')) return;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  client.recorder.note(client.name, 'client', 'unexpected', text);
}

/** Writes down what `held` says now, stamped with a moment before it was read; returns it. */
export function readHeld(client: Client, line: string, held: Reading): boolean {
  const atMs = monotonicMs();
  const { remainingMs } = held;
  const { fence, leaseId: lease } = held;
  // One reading of the clocks: two could stand on either side of the deadline.
  const data = { fence, lease, held: remainingMs > 0, remainingMs };
  client.tape.at(atMs, () => client.recorder.note(client.name, line, 'held', data));
  return data.held;
}

/**
 * Writes down what `held` says and, if it is true or `anyway`, that an operation was called on the strength of it, with
 * the same stamp: a process that is stopped between the two must not look as if it went on as a holder afterwards.
 * Undefined: not called.
 */
export function callAsHolder<T>(
  client: Client,
  line: string,
  held: Reading,
  call: () => T,
  anyway = false,
): T | undefined {
  const atMs = monotonicMs();
  const believes = readHeld(client, line, held);
  if (!believes) return anyway ? call() : undefined;
  return client.tape.at(atMs, call);
}

const sampleEveryMs = 20;

/** Reads `held` often and writes down its end, and a loss, until the function returned is called. */
export function watchHeld(client: Client, line: string, held: Holding): () => void {
  const onLoss = () => {
    const reason = String((held.signal.reason as Error | undefined)?.message);
    client.recorder.note(client.name, line, 'lost', { fence: held.fence, lease: held.leaseId, reason });
  };
  let turn = 0;
  const timer = setInterval(() => {
    // Each true one costs a line in the history; each false one matters, and there is only one.
    turn += 1;
    if (turn % 10 !== 0 && held.held) return;
    if (!readHeld(client, line, held)) clearInterval(timer);
  }, sampleEveryMs);
  if (held.signal.aborted) onLoss();
  else held.signal.addEventListener('abort', onLoss, { once: true });
  return () => {
    clearInterval(timer);
    held.signal.removeEventListener('abort', onLoss);
  };
}

/** Lets go, and writes down that it does before it does. */
export async function release(client: Client, line: string, held: Held): Promise<void> {
  const pending = client.recorder.invoke(client.name, line, 'release', { fence: held.fence });
  try {
    await held.release();
    pending.ok(null);
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}
