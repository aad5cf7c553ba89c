import type { RequestOp, TxnRequest, TxnResponse } from '../messages.js';
import { Ground } from './footprint.js';
import type { Member } from './member.js';

/** What one batch may hold. */
export interface BatchLimits {
  readonly membersMax: number;
  /** Of keys and values. etcd refuses requests above 1.5 MiB (`--max-request-bytes`). */
  readonly bytesMax: number;
  /** What the server takes, as far as is known (`--max-txn-ops`). */
  readonly operationsMax: number;
  /** Whether the store has had no room lately: then what puts something goes apart from what does not. */
  readonly isFull: boolean;
}

/** Calls that go to the store as one txn: what one of them writes, no other one touches. */
export class Batch {
  readonly members: Member[];
  readonly #limits: BatchLimits;
  /** Of all that were taken or left out; undefined while nobody was compared with the first. */
  #ground: Ground | undefined;
  /** Operations of the txn itself. */
  #length = 0;
  /** The most that a nested one counts. */
  #deepest = 0;
  #bytes = 0;

  /** Whatever the limits say of `first`: it may have to go alone. */
  constructor(first: Member, limits: BatchLimits) {
    this.members = [first];
    this.#limits = limits;
  }

  /** As etcd counts: siblings do not add up, each has the room that is left where it stands. */
  get operations(): number {
    return this.#length + this.#deepest;
  }

  /** Whether it may put something. */
  get grows(): boolean {
    return this.members.some(({ footprint }) => footprint?.grows === true);
  }

  get onlyReads(): boolean {
    return this.members.every(({ footprint }) => footprint?.writes.length === 0);
  }

  /**
   * Takes `member`, or leaves it out because it is in the way of somebody who came before it, taken or left out: then
   * it must go later. `full`: nobody else fits.
   */
  offer(member: Member): 'taken' | 'left out' | 'full' {
    const ground = this.#ground ?? this.#open();
    const { footprint } = member;
    if (footprint === undefined || !this.#hasRoomFor(member)) return 'full';
    const goesAlong = !this.#limits.isFull || footprint.grows === this.grows;
    const isClear = goesAlong && ground.isClearOf(footprint);
    ground.add(footprint);
    if (!isClear) return 'left out';
    this.members.push(member);
    this.#count(member);
    return 'taken';
  }

  request(): TxnRequest {
    const success: RequestOp[] = [];
    for (const { operations } of this.members) for (const each of operations) success.push(each);
    return { success };
  }

  /** Tells each member its part. */
  answered({ header, responses }: TxnResponse): void {
    let at = 0;
    for (const member of this.members) {
      const { length } = member.operations;
      member.answered(header, responses.slice(at, at + length));
      at += length;
    }
  }

  #open(): Ground {
    const ground = new Ground();
    this.#ground = ground;
    for (const member of this.members) {
      if (member.footprint !== undefined) ground.add(member.footprint);
      this.#count(member);
    }
    return ground;
  }

  #hasRoomFor({ operations, depth, footprint }: Member): boolean {
    const { membersMax, bytesMax, operationsMax } = this.#limits;
    const counted = this.#length + operations.length + Math.max(this.#deepest, depth);
    const bytes = this.#bytes + (footprint?.bytes ?? 0);
    return this.members.length < membersMax && counted <= operationsMax && bytes <= bytesMax;
  }

  #count({ operations, depth, footprint }: Member): void {
    this.#length += operations.length;
    this.#deepest = Math.max(this.#deepest, depth);
    // What no store takes is joined by nobody.
    this.#bytes += footprint?.bytes ?? Number.POSITIVE_INFINITY;
  }
}
