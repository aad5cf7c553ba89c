import type { AnySignal } from '../core/abort.js';
import { utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import { onSessionEnd } from '../lease/session.js';
import type { RecipeContext } from '../line/context.js';
import { lookAgainMs } from '../line/line.js';
import { follow } from '../store/follow.js';
import { WatchFilter } from '../store/messages.js';
import type { ClaimSite, Grip } from './claim.js';
import { Claimer } from './claimer.js';
import { Floors } from './floors.js';
import { Job } from './job.js';
import { keepQueue } from './keeper.js';
import { below } from './keys.js';
import { Slots } from './slot.js';

/**
 * All consumers of one queue on one session: they share their slots, one watch on those, the requests that claim, and
 * one place in each of the lines. Over with the session, or when the last of them leaves.
 */
export class Crew {
  readonly site: ClaimSite;
  readonly #over: () => void;
  readonly #slots: Slots;
  readonly #claimer: Claimer;
  readonly #keeping: Promise<void>;
  readonly #ended = new AbortController();
  readonly #inHand = new Map<string, Job<unknown>>();
  readonly #givingBack = new Set<Promise<void>>();
  readonly #cleanups: (() => void)[] = [];
  #members = 0;

  /** The crew that there is, or a new one. Its session is open. */
  static join(context: RecipeContext, site: Omit<ClaimSite, 'floors'>): Crew {
    const { companions } = site.session;
    const crew = companions.of(Crew, `queue ${site.keys.root}`, (over) => new Crew(context, site, over));
    crew.#members += 1;
    return crew;
  }

  /** Called by `join`. */
  constructor(context: RecipeContext, site: Omit<ClaimSite, 'floors'>, over: () => void) {
    const { keys, session } = site;
    this.site = { ...site, floors: new Floors(keys, lookAgainMs) };
    this.#over = over;
    const slotPrefix = `${keys.slots}${session.leaseId.toString(16)}.${randomHex(context.runtime)}.`;
    this.#slots = new Slots(context, session, slotPrefix);
    this.#claimer = new Claimer(context, this.site, this.#slots, (grip) => this.#giveBack(grip));
    this.#cleanups.push(onSessionEnd(session, (error) => this.#end(error)));
    this.#cleanups.push(this.#followSlots(slotPrefix));
    this.#keeping = keepQueue(this.site, this.#ended.signal).catch((error: unknown) => this.#end(error));
  }

  /** Aborts when there is nothing to be had here any more: session lost, refused by the store, all gone. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Waits for a job and claims it. Rejects with the reason of `signal`, which aborts with the crew's. */
  take(signal: AnySignal): Promise<Grip> {
    return this.#claimer.take(signal);
  }

  /** The job of a grip that somebody has taken; `settled` is called once, when its claim is settled or lost. */
  jobOf<T>(site: ClaimSite, { slot, claim }: Grip, payload: unknown, settled: (job: Job<T>) => void): Job<T> {
    const job: Job<T> = new Job<T>(site, slot, claim, payload, () => {
      this.#inHand.delete(slot.key);
      if (job.settled && slot.revision !== job.fence) this.#slots.free(slot);
      // Whether it was settled is not known, or it was not: without its slot the job is anybody's, if it is there.
      else if (job.settled) void this.#slots.discard([slot]);
      settled(job);
    });
    this.#inHand.set(slot.key, job as Job<unknown>);
    return job;
  }

  /** Once per `join`. Resolves when nothing of the crew is left, if this was the last one. */
  async leave(): Promise<void> {
    this.#members -= 1;
    if (this.#members > 0) return;
    this.#end(new ConclaveError('CLOSED', 'the last consumer was closed'));
    await this.#claimer.settled();
    await Promise.all(this.#givingBack);
    await this.#slots.discardAll();
    await this.#keeping;
  }

  /** A job that nobody waits for any more. */
  #giveBack(grip: Grip): void {
    const job = this.jobOf(this.site, grip, undefined, () => {});
    const given = (grip.claim.job === undefined ? job.drop() : job.giveBack()).catch(() => {});
    this.#givingBack.add(given);
    void given.then(() => this.#givingBack.delete(given));
  }

  /** Tells the jobs in hand whose slot was deleted: the lease was revoked early, or somebody took the job away. */
  #followSlots(prefix: string): () => void {
    const { store, runtime } = this.site.context;
    const spec = { ...below(prefix), filters: [WatchFilter.noPut], lane: 'control' } as const;
    return follow(store, runtime, spec, {
      onSnapshot: (kvs, revision) => {
        const there = new Set(kvs.map(({ key }) => utf8Text(key)));
        for (const [key, job] of this.#inHand) {
          if (!there.has(key) && job.fence <= revision) this.#slotGone(key);
        }
      },
      onEvents: (events) => {
        for (const { kv } of events) this.#slotGone(utf8Text(kv.key));
      },
      // The session's deadline is left to tell.
      onEnd: () => {},
    });
  }

  #slotGone(key: string): void {
    this.#inHand.get(key)?.lost();
    void this.site.session.verify();
  }

  #end(reason: unknown): void {
    this.#over();
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#ended.abort(reason);
  }
}
