import { abortable, linkSignals, type WaitOptions, withDeadline } from '../core/abort.js';
import { latin1 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { assertFunction } from '../core/given.js';
import type { RecipeContext } from '../line/context.js';
import { untilAnswered } from '../store/repeat.js';
import type { SharedMirrors } from '../store/shared-mirrors.js';
import { type Division, divisionOf, type PartitionOptions } from './division.js';
import type { Member } from './member.js';
import { type Folder, partitionFolder } from './names.js';
import { PartitionState } from './partition-state.js';
import { type ItemWork, Share, type ShareOptions } from './share.js';

/** Who has an item. */
export interface ItemOwner {
  readonly item: string;
  /** Undefined: nobody. */
  readonly member: string | undefined;
  readonly fence: bigint | undefined;
  readonly leaseId: bigint | undefined;
}

/** A partition at one revision. */
export interface PartitionShown {
  readonly revision: bigint;
  /** The oldest first. */
  readonly members: readonly Member[];
  /** One for each item, in their order. */
  readonly items: readonly ItemOwner[];
}

/** Work that members share, each item with one of them at a time. README.md beside this file says what it promises. */
export class Partition {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #mirrors: SharedMirrors;
  readonly #folder: Folder;
  readonly #division: Division;

  /** @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT`, also for items and a ring at once. */
  constructor(context: RecipeContext, mirrors: SharedMirrors, name: string, options: PartitionOptions) {
    this.name = name;
    this.#context = context;
    this.#mirrors = mirrors;
    this.#folder = partitionFolder(context, name);
    this.#division = divisionOf(options);
  }

  /**
   * Takes part: from then on items come and go, and `work` runs on each while it is held. `held.signal` tells it to
   * stop: when the item is to be another's (`HAND_OVER`), at a loss, at the end. Without `work` an item is let go of as
   * soon as it is to be: listen to `held.signal`. Work that throws while its item is held ends the share with that.
   * @throws as `Group.join`.
   */
  async join(options: ShareOptions = {}, work: ItemWork = () => {}): Promise<Share> {
    options.signal?.throwIfAborted();
    assertFunction('the work', work);
    checkSettle(options);
    const site = { name: this.name, folder: this.#folder, division: this.#division };
    return new Share(this.#context, this.#mirrors, site, options, work).start();
  }

  /**
   * Takes part until `signal` aborts, then rejects with its reason when all work has ended.
   * @throws what `work` throws while its item is held; why the share has ended (`Share.signal`).
   */
  async run(work: ItemWork, options: ShareOptions = {}): Promise<never> {
    assertFunction('the work', work);
    const share = await this.join(options, work);
    const either = linkSignals(options.signal, share.signal);
    try {
      return await abortable(new Promise<never>(() => {}), either.signal);
    } catch (reason) {
      await share.leave(reason).catch(() => {});
      throw reason;
    } finally {
      either.unlink();
    }
  }

  /** The item that `key` falls to: a slot of the ring, or the item of that name. The same in every process. */
  itemOf(key: string): string {
    return this.#division.itemOf(key);
  }

  /** Who takes part, and who has what. Linearizable. */
  inspect(options: WaitOptions = {}): Promise<PartitionShown> {
    const { store, runtime } = this.#context;
    const what = `partition ${JSON.stringify(this.name)}`;
    return withDeadline(runtime, what, { timeoutMs: 5_000, ...options }, async (signal) => {
      const { kvs, header } = await untilAnswered(runtime, signal, () => store.range(this.#folder, { signal }));
      const state = new PartitionState(this.#folder, this.#division);
      state.apply(kvs.map((after) => ({ key: latin1(after.key), before: undefined, after })));
      const owners = state.owners();
      const items = this.#division.items.map((item): ItemOwner => {
        const place = owners.get(item);
        return { item, member: place?.member, fence: place?.kv.createRevision, leaseId: place?.kv.lease };
      });
      const members = [...state.members.values()].sort((a, b) => (a.createRevision < b.createRevision ? -1 : 1));
      return { revision: header.revision, members, items };
    });
  }
}

function checkSettle({ settleMs }: ShareOptions): void {
  if (settleMs === undefined || (settleMs >= 0 && Number.isFinite(settleMs))) return;
  throw new ConclaveError('INVALID_ARGUMENT', `settleMs must be a number of at least 0, got ${settleMs}`);
}
