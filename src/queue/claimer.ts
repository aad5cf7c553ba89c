import { type AnySignal, abortable, onAbort } from '../core/abort.js';
import { compareBytes, noBytes, utf8, utf8Text } from '../core/bytes.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import type { RecipeContext } from '../line/context.js';
import { Doorbell } from '../line/doorbell.js';
import { exclusive } from '../line/exclusive.js';
import { leave } from '../line/leave.js';
import { Line, lookAgainMs, type Turn } from '../line/line.js';
import { deletionOf } from '../line/rule.js';
import { type Event, WatchFilter } from '../store/messages.js';
import { type ClaimSite, claimRound, type Front, type Grip, isClaimable, readFront } from './claim.js';
import { below } from './keys.js';
import type { Slots } from './slot.js';

/** Slots that one request fills at most. */
const slotsPerRequest = 32;

/**
 * Jobs that one request looks at beyond those that it is to claim, as others claim meanwhile: more after each one that
 * found all taken, as long as etcd takes the txn; half as many after one that got the first.
 */
const fewestMore = 3;
const mostMore = 15;

const nothing: Front = { jobs: [], asOf: 0n };

/** What came of a look, and of the requests after it. */
interface Claimed {
  readonly claimed: boolean;
  /** Whether the place in the idle line is gone. */
  readonly hasLeft: boolean;
  /** Whether in the end no job was there, and the queue was not paused. */
  readonly isEmpty: boolean;
}

/**
 * Claims jobs for all who wait for one on the same session, with one request at a time for as many as wait, and one
 * place in the idle line while there is nothing.
 */
export class Claimer {
  readonly #context: RecipeContext;
  readonly #site: ClaimSite;
  readonly #slots: Slots;
  readonly #unwanted: (grip: Grip) => void;
  /** In the order in which they came. */
  readonly #waiting = new Set<Deferred<Grip>>();
  #front = nothing;
  #more = fewestMore;
  #working: Promise<void> | undefined;
  /** Ends the idleness when nobody waits any more. */
  #idleness = new AbortController();
  /** Somebody has come since the last look. */
  #call = deferred();

  /** `unwanted`: whoever waited for it has gone. */
  constructor(context: RecipeContext, site: ClaimSite, slots: Slots, unwanted: (grip: Grip) => void) {
    this.#context = context;
    this.#site = site;
    this.#slots = slots;
    this.#unwanted = unwanted;
  }

  /** Waits for a job and claims it. Rejects with `signal.reason`, or with what the store says to all who wait. */
  async take(signal: AnySignal): Promise<Grip> {
    signal.throwIfAborted();
    const wish = deferred<Grip>();
    const unlink = onAbort(signal, (reason) => {
      this.#waiting.delete(wish);
      if (this.#waiting.size === 0) this.#idleness.abort(new ConclaveError('CANCELLED', 'nobody waits for a job'));
      wish.reject(reason);
    });
    this.#waiting.add(wish);
    this.#call.resolve();
    this.#working ??= this.#work();
    return wish.promise.finally(unlink);
  }

  /** Resolves when nothing is under way any more, once nobody waits. */
  async settled(): Promise<void> {
    await this.#working;
  }

  /** A request is carried through, whoever still waits: what it has given is then not wanted. */
  async #work(): Promise<void> {
    // A turn of the microtasks, so that those who come at the same moment go together.
    await Promise.resolve();
    try {
      while (this.#waiting.size > 0) if (!(await this.#claim(undefined)).claimed) await this.#idle();
    } catch (error) {
      for (const wish of this.#waiting) wish.reject(error);
      this.#waiting.clear();
    } finally {
      this.#working = undefined;
    }
  }

  /** Claims as long as there is something and somebody waits who was there at the start. */
  async #claim(idle: Turn | undefined, heard?: Front): Promise<Claimed> {
    this.#call = deferred();
    let open = await this.#slots.take(Math.min(this.#waiting.size, slotsPerRequest));
    let [front, isSent, claimed, hasLeft] = [heard ?? this.#front, false, false, false];
    this.#front = nothing;
    const place = idle && utf8Text(idle.key);
    try {
      if (front.jobs.length === 0) front = await readFront(this.#site, open.length + this.#more);
      // Bounded by the session: each further round means that others have claimed what was seen.
      while (open.length > 0 && isClaimable(front)) {
        const round = await claimRound(this.#site, open, front, this.#more, place);
        for (const grip of round.grips) this.#give(grip);
        [isSent, claimed, hasLeft] = [true, claimed || round.grips.length > 0, hasLeft || round.hasLeft];
        open = round.open;
        front = round.front;
        if (round.gotFirst) this.#more = Math.max(fewestMore, this.#more >> 1);
        else if (round.grips.length === 0) this.#more = Math.min(2 * this.#more + 1, mostMore);
        if (front.jobs.length === 0 && open.length > 0) front = await readFront(this.#site, open.length + this.#more);
      }
    } catch (error) {
      // What was refused may have been done (`errorOfStatus`): jobs that they have are nobody's then.
      await this.#slots.discard(open);
      throw error;
    }
    if (isClaimable(front)) this.#front = front;
    // Refused because the queue was paused, a request that comes again may claim for them once it is resumed.
    if (isSent && front.jobs.length > 0 && !isClaimable(front)) await this.#slots.discard(open);
    else for (const slot of open) this.#slots.free(slot);
    return { claimed, hasLeft, isEmpty: front.jobs.length === 0 };
  }

  #give(grip: Grip): void {
    const [wish] = this.#waiting;
    if (wish === undefined) this.#unwanted(grip);
    else {
      this.#waiting.delete(wish);
      wish.resolve(grip);
    }
  }

  /** One turn in the idle line, until something was claimed, nobody waits any more or the place in the line is gone. */
  async #idle(): Promise<void> {
    this.#idleness = new AbortController();
    const { signal } = this.#idleness;
    if (this.#waiting.size === 0) return;
    try {
      const turn = await this.#turn(signal);
      if (turn !== undefined) await this.#watch(turn, signal);
    } catch (error) {
      if (error !== signal.reason) throw error;
    }
  }

  /** Whoever comes while the crew stands in line looks for himself: the first of the line may be a paused process. */
  async #turn(signal: AbortSignal): Promise<Turn | undefined> {
    const { keys, session } = this.#site;
    const line = new Line(this.#context, session, exclusive(keys.idle));
    const joined = line.join(noBytes, signal).catch((error: unknown): undefined => {
      if (!ConclaveError.is(error, 'LOST')) throw error;
    });
    joined.catch(() => {});
    try {
      // Bounded by `signal`.
      for (;;) {
        const isCalled = await Promise.race([joined.then(() => false), this.#call.promise.then(() => true)]);
        if (!isCalled) return joined;
        await this.#claim(undefined);
        if (this.#waiting.size === 0) this.#idleness.abort(new ConclaveError('CANCELLED', 'nobody waits for a job'));
      }
    } catch (error) {
      // A place that nobody waits at keeps new jobs from all who stand behind it.
      this.#idleness.abort(new ConclaveError('CANCELLED', 'the look was refused'));
      const turn = await joined.catch(() => undefined);
      if (turn !== undefined) await leave(this.#context, session, turn);
      throw error;
    }
  }

  async #watch(turn: Turn, signal: AbortSignal): Promise<void> {
    let hasLeft = false;
    try {
      // Bounded by `signal`.
      for (let claimed = false; !claimed && this.#waiting.size > 0; ) {
        ({ claimed, hasLeft } = await this.#claimAtRing(turn, signal));
      }
    } finally {
      // The claim has taken the place away.
      if (hasLeft) turn.nonce?.free();
      else await leave(this.#context, this.#site.session, turn);
    }
  }

  async #claimAtRing(turn: Turn, signal: AbortSignal): Promise<Claimed> {
    const { store, runtime } = this.#context;
    const { ready, paused } = this.#site.keys;
    const comes = { ...below(ready), filters: [WatchFilter.noDelete] };
    const bell = new Doorbell(store, runtime, [comes, deletionOf(utf8(paused))], lookAgainMs);
    let isEmpty: boolean;
    try {
      // The watch comes first: what happens after the look rings.
      await abortable(bell.armed, signal);
      const looked = await this.#claim(turn);
      if (looked.claimed) return looked;
      isEmpty = looked.isEmpty;
      await abortable(bell.rings(), signal);
    } finally {
      bell.close();
    }
    // Not if the queue was paused: then it rings for every job that comes.
    return this.#claim(turn, isEmpty ? firstHeard(bell.heard) : undefined);
  }
}

/** The first of the jobs that events tell of; undefined: they tell of something else. */
function firstHeard(events: readonly Event[]): Front | undefined {
  const [first] = events.map(({ kv }) => kv).sort((a, b) => compareBytes(a.key, b.key));
  return first && { jobs: [first], asOf: first.modRevision, isHeard: true };
}
