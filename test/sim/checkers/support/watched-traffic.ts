import { fromLatin1, utf8 } from '../../../../src/core/bytes.js';
import { EngineHost } from '../../../../src/engine/engine-host.js';
import type { History } from '../../../../src/sim/history.js';
import { Prng } from '../../../../src/sim/prng.js';
import { SimRuntime } from '../../../../src/sim/sim-runtime.js';
import type { KvEvent, WatchedEvent, WatchStart } from '../../../../src/sim/vocabulary.js';
import { type Event, EventType, type RequestOp, WatchFilter } from '../../../../src/store/messages.js';
import { eventOf, itemOf } from './engine-traffic.js';
import { Tale } from './tale.js';

const keys = ['a', 'a/b', 'b', 'c'];

/** Random changes of the real engine, and its watches on them: what they are told is right. */
export function watchedTraffic(seed: number, steps: number): History {
  const traffic = new WatchedTraffic(seed);
  for (let step = 0; step < steps; step++) traffic.step();
  return traffic.tale.end.history;
}

class WatchedTraffic {
  readonly tale = new Tale();
  readonly #random: Prng;
  readonly #host: EngineHost;
  readonly #open: { readonly watch: string; readonly cancel: () => void }[] = [];
  readonly #ended = new Set<string>();
  #watches = 0;

  constructor(seed: number) {
    this.#random = new Prng(seed);
    this.#host = new EngineHost(new SimRuntime({ seed: 1 }), {
      onEntry: (entry) => {
        if (entry.type === 'compacted') this.tale.note('server', 'kv', 'kv.compacted', { revision: entry.revision });
        if (entry.type !== 'changes') return;
        for (const { kv, deleted } of entry.changes.changes) {
          this.tale.note('server', 'kv', 'kv.event', eventOf(kv, deleted));
        }
      },
    });
  }

  step(): void {
    const choice = this.#random.below(12);
    if (choice < 2) this.#watch();
    else if (choice === 2) this.#progress();
    else if (choice === 3) this.#compact();
    else if (choice === 4) this.#cancel();
    else this.#write();
  }

  #write(): void {
    const random = this.#random;
    const count = random.pick([1, 1, 1, 2, 3]);
    const chosen = keys.filter(() => random.chance(0.5)).slice(0, count);
    const success = chosen.map(
      (key): RequestOp =>
        random.chance(0.7)
          ? { type: 'put', request: { key: fromLatin1(key), value: utf8(`${random.below(9)}`) } }
          : { type: 'deleteRange', request: { key: fromLatin1(key) } },
    );
    this.#host.txn({ success });
  }

  #watch(): void {
    const random = this.#random;
    const watch = `w${++this.#watches}`;
    const { revision } = this.#host.stats();
    const start: WatchStart = {
      watch,
      key: random.pick(keys),
      ...(random.chance(0.6) && { rangeEnd: random.pick(['c', '\0']) }),
      ...(random.chance(0.5) && { startRevision: BigInt(1 + random.below(Number(revision) + 3)) }),
      ...(random.chance(0.2) && { noPut: true }),
      ...(random.chance(0.2) && { noDelete: true }),
      ...(random.chance(0.5) && { prevKv: true }),
    };
    if (start.rangeEnd !== undefined && start.rangeEnd !== '\0' && start.key >= start.rangeEnd) return;
    this.tale.note('a', 'kv', 'watch.start', start);
    const handle = this.#host.watch(targetOf(start), {
      onEvents: (events, at) => {
        this.tale.note('a', 'kv', 'watch.events', { watch, revision: at, events: events.map(watchedEvent) });
      },
      onCompacted: () => {
        this.tale.note('a', 'kv', 'watch.end', { watch, code: 'COMPACTED' });
        this.#ended.add(watch);
      },
    });
    this.tale.note('a', 'kv', 'watch.created', { watch, revision: handle.createdAt });
    this.#open.push({ watch, cancel: () => handle.cancel() });
    handle.resume();
  }

  #progress(): void {
    for (const { watch } of this.#open.filter((each) => !this.#ended.has(each.watch))) {
      this.tale.note('a', 'kv', 'watch.progress', { watch, revision: this.#host.stats().revision });
    }
  }

  #compact(): void {
    const { revision } = this.#host.stats();
    const { compactRevision } = this.#host.engine.space;
    if (this.#random.chance(0.5) && revision > compactRevision + 1n) this.#host.compact({ revision: revision - 1n });
  }

  #cancel(): void {
    const [closed] = this.#open.splice(0, 1);
    if (closed === undefined || this.#ended.has(closed.watch)) return;
    closed.cancel();
    this.tale.note('a', 'kv', 'watch.end', { watch: closed.watch, code: 'cancelled' });
  }
}

function targetOf({ key, rangeEnd, startRevision, noPut, noDelete, prevKv }: WatchStart) {
  const filters = [...(noPut ? [WatchFilter.noPut] : []), ...(noDelete ? [WatchFilter.noDelete] : [])];
  const end = rangeEnd === undefined ? undefined : fromLatin1(rangeEnd);
  return { key: fromLatin1(key), rangeEnd: end, startRevision, filters, prevKv };
}

function watchedEvent({ type, kv, prevKv }: Event): WatchedEvent {
  const event: KvEvent = eventOf(kv, type === EventType.delete);
  return prevKv === undefined ? event : { ...event, prev: itemOf(prevKv) };
}
