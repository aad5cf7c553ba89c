import type { Prng } from '../../src/sim/prng.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { anyCall, type Match } from './faulty-store.js';
import type { Client } from './sim-world.js';

/** A transport that repeats the making of a place by itself, and so late, is beyond what the line promises. */
const notEntering: Match = (name, request) =>
  name !== 'txn' || !((request as TxnRequest).success ?? []).some(({ type }) => type === 'put');

/** Something goes wrong with one client's network or process. */
export function disturb({ store, runtime }: Client, random: Prng): void {
  const skip = random.below(4);
  const laterMs = random.between(1, 12_000);
  const faults: readonly (() => void)[] = [
    () => store.loseRequest(anyCall, skip),
    () => store.loseReply(anyCall, skip),
    () => store.applyLate(anyCall, laterMs, skip),
    () => store.delay(anyCall, { requestMs: laterMs, replyMs: laterMs / 2 }, skip),
    () => store.duplicate(notEntering, laterMs, skip),
    () => store.partition(),
    () => store.endWatches(),
    () => {
      store.dropDeletes = true;
    },
    () => runtime.stall(),
  ];
  random.pick(faults)();
}

/** Nothing goes wrong any more, except what is on its way already. */
export function repair({ store, runtime }: Client): void {
  store.heal();
  store.dropDeletes = false;
  runtime.resume();
}
