import { pause } from '../../core/abort.js';
import { utf8, utf8Text } from '../../core/bytes.js';
import type { Held } from '../../line/held.js';
import { put } from '../../store/ops.js';
import type { Plan } from '../plan.js';
import { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import { expectFailure } from './expected-errors.js';
import { OutsideStore } from './outside-store.js';

/** Mixed into the seed, so that the outside store's chance is its own. */
const outsideSalt = 0x3c6ef372;

/**
 * Read-modify-write under a place that is held: each write names what it saw and is told apart from every other, so
 * that a lost one shows.
 */
export class GuardedCounters {
  readonly #outside: OutsideStore;
  #lastValue = 0;

  constructor(plan: Plan, fenced: boolean) {
    this.#outside = new OutsideStore(new Prng(plan.seed + outsideSalt), fenced);
  }

  async writeEtcd(client: SimClient, name: string, line: string, held: Pick<Held, 'fence' | 'guard'>): Promise<void> {
    const key = `data/${name}`;
    const saw = await read(client, key);
    if (saw === undefined) return;
    const wrote = this.#newValue(client);
    const input = { line, fence: held.fence, saw, wrote };
    const pending = client.recorder.invoke(client.name, key, 'guarded.write', input);
    try {
      const txn = await client.store.txn({ compare: [held.guard()], success: [put(key, wrote)] });
      pending.ok({ applied: txn.succeeded, ...(txn.succeeded && { position: txn.header.revision }) });
    } catch (error) {
      pending.threw(error);
      expectFailure(error);
    }
  }

  /** `goesOn` is asked between the read and the write. */
  async writeOutside(client: SimClient, name: string, line: string, held: Held, goesOn: () => boolean): Promise<void> {
    const object = `outside/${name}`;
    const seen = await this.#outside.read(client, object, held.fence);
    if (seen.refused) return;
    await pause(client.process, 5);
    if (!goesOn()) return;
    const wrote = this.#newValue(client);
    const input = { line, fence: held.fence, saw: seen.value, wrote, outside: true };
    const pending = client.recorder.invoke(client.name, object, 'guarded.write', input);
    const written = await this.#outside.write(client, object, held.fence, wrote);
    pending.ok(written.refused ? { applied: false } : { applied: true, position: written.value });
  }

  #newValue(client: SimClient): string {
    this.#lastValue += 1;
    return `${client.name}.${this.#lastValue}`;
  }
}

/** The value of `key`, empty if it has none; undefined if it could not be read. */
async function read(client: SimClient, key: string): Promise<string | undefined> {
  try {
    const { kvs } = await client.store.range({ key: utf8(key) });
    return kvs[0] === undefined ? '' : utf8Text(kvs[0].value);
  } catch (error) {
    expectFailure(error);
    return undefined;
  }
}
