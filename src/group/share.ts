import { EventEmitter } from 'eventemitter3';
import { onAbort, pause } from '../core/abort.js';
import { utf8 } from '../core/bytes.js';
import { callUser } from '../core/call-user.js';
import { ConclaveError } from '../core/errors.js';
import type { Share as MirrorShare } from '../core/shared.js';
import { inLine } from '../line/acquire.js';
import type { RecipeContext } from '../line/context.js';
import { exclusive } from '../line/exclusive.js';
import type { Held } from '../line/held.js';
import { Hold } from '../line/hold.js';
import type { Mirror, MirrorChange } from '../store/mirror.js';
import type { SharedMirrors } from '../store/shared-mirrors.js';
import { assign } from './assignment.js';
import { type Division, itemPrefix } from './division.js';
import { type JoinOptions, Membership } from './membership.js';
import type { Folder } from './names.js';
import { membersIn, PartitionState } from './partition-state.js';

export interface ShareOptions extends Omit<JoinOptions, 'data'> {
  /**
   * How long the members must have been the same before anything moves, in milliseconds: a fleet that starts or
   * restarts divides once, not once for each. Default: 1,000.
   */
  readonly settleMs?: number | undefined;
}

/** What is done with an item while it is held. It is let go of when this has settled, not before. */
export type ItemWork = (held: Held) => Promise<unknown> | unknown;

export interface ShareEvents {
  /** An item is this member's. `held.name` is the item. */
  acquired: [held: Held];
  /** It was, and the work on it has ended; `error`: it was lost, not let go of. */
  released: [item: string, error: ConclaveError | undefined];
  /** Everybody has what is theirs, as far as this member can see. */
  settled: [];
}

/** What of a partition is this member's. */
export class Share implements AsyncDisposable {
  readonly events = new EventEmitter<ShareEvents>();
  readonly #context: RecipeContext;
  readonly #division: Division;
  readonly #places: Folder;
  readonly #what: string;
  readonly #options: ShareOptions;
  readonly #work: ItemWork;
  readonly #membership: Membership;
  readonly #state: PartitionState;
  readonly #mirror: MirrorShare<Mirror>;
  readonly #ended = new AbortController();
  /** Nothing more is taken. */
  readonly #leaving = new AbortController();
  /** What is in hand, until the work on it has ended. */
  readonly #holds = new Map<string, Hold>();
  readonly #living = new Set<Promise<unknown>>();
  readonly #taking = new Set<string>();
  /** Nothing moves before then. */
  #settledAtMs: number;
  #stopTimer: () => void = () => {};
  #isSettled = false;
  #left: Promise<void> | undefined;

  /** @internal `partition.join` makes and starts them. */
  constructor(
    context: RecipeContext,
    mirrors: SharedMirrors,
    site: { readonly name: string; readonly folder: Folder; readonly division: Division },
    options: ShareOptions,
    work: ItemWork,
  ) {
    const { name, folder, division } = site;
    this.#context = context;
    this.#division = division;
    this.#places = division.folderIn(folder);
    this.#what = `partition ${JSON.stringify(name)}`;
    this.#options = options;
    this.#work = work;
    this.#state = new PartitionState(folder, division);
    const data = { ring: division.ring };
    this.#membership = new Membership(context, membersIn(folder), name, { ...options, data });
    this.#settledAtMs = context.runtime.monotonicMs() + this.#settleMs;
    this.#mirror = mirrors.subscribe(folder, {
      onChange: (change) => this.#changed(change),
      onEnd: (error) => this.#end(error),
    });
    const { items } = this.#mirror.shared;
    this.#state.apply([...items].map(([key, after]) => ({ key, before: undefined, after })));
  }

  /** @internal Resolves when the others can see it. */
  async start(): Promise<this> {
    onAbort(this.#membership.signal, (reason) => this.#end(ConclaveError.from(reason)));
    try {
      await this.#membership.start();
    } catch (error) {
      this.#end(error);
      throw error;
    }
    this.#schedule();
    return this;
  }

  get id(): string {
    return this.#membership.id;
  }

  /** What is held at this moment, in the order of the items. */
  get held(): readonly Held[] {
    return [...this.#holds.values()].filter((each) => each.held && !each.signal.aborted).sort(byName);
  }

  /** The item that `key` falls to, if it is this member's: the slot of a ring, or the item of that name. */
  holdFor(key: string): Held | undefined {
    const hold = this.#holds.get(this.#division.itemOf(key));
    return hold?.held === true && !hold.signal.aborted ? hold : undefined;
  }

  /** Whether everybody has what is theirs, as far as this member can see. */
  get settled(): boolean {
    return this.#isSettled;
  }

  /**
   * Aborts when this member has no part any more: `RELEASED`, `CONFLICT` (taken over), `SESSION_LOST`, `CLOSED`,
   * `MISMATCH` (others divide otherwise), or with what work has thrown.
   */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Stops the work (for `reason`), lets go of everything, and leaves. Resolves when that is done. Idempotent. */
  leave(reason: unknown = new ConclaveError('RELEASED', `${this.#what}: ${this.id} has left`)): Promise<void> {
    return this.#finish(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  #changed({ keys }: MirrorChange): void {
    this.#isSettled = false;
    if (this.#state.apply(keys)) this.#settledAtMs = this.#now() + this.#settleMs;
    this.#schedule();
  }

  /** Several changes at one moment are looked at once. */
  #schedule(): void {
    if (this.#leaving.signal.aborted) return;
    this.#stopTimer();
    const waitMs = Math.max(0, this.#settledAtMs - this.#now());
    this.#stopTimer = this.#context.runtime.setTimer(waitMs, () => this.#step());
  }

  #step(): void {
    // Those who do not see this member yet would not leave anything to it.
    if (this.#state.members.get(this.id)?.owner !== this.#membership.owner) return;
    const mismatch = this.#mismatch();
    if (mismatch !== undefined) this.#end(mismatch);
    if (mismatch === undefined && !this.#state.hasForeign) this.#divide();
  }

  #divide(): void {
    const owners = this.#owners();
    const { items } = this.#division;
    const wanted = assign({ items, members: [...this.#state.members.keys()].sort(), owners });
    for (const [item, hold] of this.#holds) {
      if (wanted.get(item) !== this.id) hold.stop(new ConclaveError('HAND_OVER', `${item}: is to be another member's`));
    }
    for (const [item, id] of wanted) {
      if (id === this.id && !this.#holds.has(item) && !this.#state.isTaken(item)) void this.#take(item);
    }
    if (this.#isSettled || items.some((item) => owners.get(item) !== wanted.get(item))) return;
    this.#isSettled = true;
    callUser(() => this.events.emit('settled'));
  }

  /** By the store, but for what this member has itself: that it knows better. */
  #owners(): Map<string, string> {
    const owners = new Map<string, string>();
    for (const [item, { member }] of this.#state.owners()) if (member !== this.id) owners.set(item, member);
    for (const { name, held, signal } of this.#holds.values()) if (held && !signal.aborted) owners.set(name, this.id);
    return owners;
  }

  /** Of two who divide otherwise the one goes that came later: it has taken nothing yet. */
  #mismatch(): ConclaveError | undefined {
    const own = this.#state.members.get(this.id);
    for (const { id, data, createRevision } of this.#state.members.values()) {
      const { ring = 0 } = (data ?? {}) as { readonly ring?: unknown };
      if (ring === this.#division.ring || own === undefined || createRevision > own.createRevision) continue;
      const message = `${this.#what}: ${id} says ${String(ring)} slots, not ${this.#division.ring} (0: items)`;
      return new ConclaveError('MISMATCH', message);
    }
    return undefined;
  }

  async #take(item: string): Promise<void> {
    if (this.#taking.has(item)) return;
    this.#taking.add(item);
    const taking = this.#tryTake(item);
    this.#living.add(taking);
    const taken = await taking.catch(() => false);
    this.#living.delete(taking);
    // Not answered, or somebody's, which the mirror is yet to tell.
    if (!taken) await pause(this.#context.runtime, retryAfterMs, this.#leaving.signal).catch(() => {});
    this.#taking.delete(item);
    this.#schedule();
  }

  async #tryTake(item: string): Promise<boolean> {
    const { signal } = this.#leaving;
    const rule = exclusive(itemPrefix(this.#places, item));
    const { session } = this.#options;
    const what = `${this.#what}, item ${JSON.stringify(item)}`;
    const hold = await inLine(this.#context, what, rule, { signal, session }, async (line, footing) => {
      const turn = await line.joinIfFree(utf8(this.id), signal);
      return turn && new Hold(this.#context, footing, item, turn);
    });
    if (hold === undefined) return false;
    const life = this.#live(item, hold);
    this.#living.add(life);
    void life.then(() => this.#living.delete(life));
    return true;
  }

  /** From the moment it is held until the work on it has ended and others may have it. */
  async #live(item: string, hold: Hold): Promise<void> {
    this.#holds.set(item, hold);
    let lost: ConclaveError | undefined;
    hold.onLost((error) => {
      lost = error;
    });
    const stopped = new Promise<void>((resolve) => onAbort(hold.signal, () => resolve()));
    if (this.#leaving.signal.aborted) hold.stop(this.#leaving.signal.reason);
    else callUser(() => this.events.emit('acquired', hold));
    const working = hold.signal.aborted ? undefined : Promise.resolve(hold).then(this.#work);
    working?.catch((error: unknown) => {
      if (!hold.signal.aborted) this.#end(error);
    });
    await stopped;
    await working?.catch(() => {});
    // What is not confirmed goes on being tried; the lease takes it in the end.
    if (hold.held) await hold.release().catch(() => {});
    this.#holds.delete(item);
    this.#isSettled = false;
    callUser(() => this.events.emit('released', item, lost));
    this.#schedule();
  }

  #end(error: unknown): void {
    this.#finish(error).catch(() => {});
  }

  #finish(error: unknown): Promise<void> {
    this.#left ??= this.#leave(error);
    return this.#left;
  }

  async #leave(error: unknown): Promise<void> {
    this.#stopTimer();
    this.#leaving.abort(error);
    for (const hold of this.#holds.values()) hold.stop(error);
    // The others can do their sums while the work here ends.
    const leaving = this.#membership.leave();
    leaving.catch(() => {});
    // Bounded: nothing new is begun, but for the work on what was being taken.
    while (this.#living.size > 0) await Promise.allSettled(this.#living);
    this.#mirror.unsubscribe();
    this.#ended.abort(error);
    await leaving;
  }

  #now(): number {
    return this.#context.runtime.monotonicMs();
  }

  get #settleMs(): number {
    return this.#options.settleMs ?? 1_000;
  }
}

/** Between two tries of what the store did not answer. */
const retryAfterMs = 500;

function byName(a: Held, b: Held): number {
  return a.name < b.name ? -1 : 1;
}
