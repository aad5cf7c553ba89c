import type { History, Pending } from '../../../../src/sim/history.js';
import { Prng } from '../../../../src/sim/prng.js';
import type { Grant } from '../../../../src/sim/vocabulary.js';
import { Tale } from './tale.js';

interface Place {
  readonly process: string;
  readonly op: 'lock.acquire' | 'rwlock.read' | 'rwlock.write' | 'semaphore.acquire' | 'election.campaign';
  readonly permits: number;
  readonly fence: bigint;
  readonly lease: bigint;
  pending: Pending<Grant | null> | undefined;
}

export type LineKind = 'lock' | 'rwlock' | 'semaphore' | 'election';

export interface LineOptions {
  readonly kind: LineKind;
  readonly seed: number;
  readonly steps: number;
}

export const permitsMax = 3;

/**
 * A valid history of one line: random processes join, are admitted in order of their fences, and let go, are lost,
 * crash, or are stopped while their lease runs out. Plays the part of a right implementation, as simply as can be.
 */
export function validLine({ kind, seed, steps }: LineOptions): History {
  const play = new LinePlay(kind, new Prng(seed));
  for (let step = 0; step < steps; step++) play.step();
  return play.tale.history;
}

class LinePlay {
  readonly tale = new Tale();
  readonly #kind: LineKind;
  readonly #random: Prng;
  #line: Place[] = [];
  #revision = 1n;
  #processes = 0;

  constructor(kind: LineKind, random: Prng) {
    this.#kind = kind;
    this.#random = random;
  }

  step(): void {
    const choice = this.#random.below(3);
    const told = this.#line.filter(({ pending }) => pending === undefined);
    const untold = this.#admitted().filter(({ pending }) => pending !== undefined);
    if (choice === 0 && this.#line.length < 8) this.#join();
    else if (choice === 1 && untold.length > 0) this.#tell(this.#random.pick(untold));
    else if (told.length > 0) this.#leave(this.#random.pick(told));
  }

  #join(): void {
    const process = `p${++this.#processes}`;
    const permits = this.#kind === 'semaphore' ? 1 + this.#random.below(2) : 1;
    const fence = ++this.#revision;
    const place = { process, permits, fence, lease: fence * 10n };
    const join = (op: Place['op'], pending: Pending<Grant | null>) => this.#line.push({ ...place, op, pending });
    if (this.#kind === 'lock') join('lock.acquire', this.tale.call(process, 'line', 'lock.acquire', null));
    else if (this.#kind === 'semaphore') {
      const input = { permits, limit: permitsMax };
      join('semaphore.acquire', this.tale.call(process, 'line', 'semaphore.acquire', input));
    } else if (this.#kind === 'election') {
      join('election.campaign', this.tale.call(process, 'line', 'election.campaign', { value: process }));
    } else {
      const op = this.#random.chance(0.5) ? 'rwlock.read' : 'rwlock.write';
      join(op, this.tale.call(process, 'line', op, null));
    }
  }

  /** Who may hold now, by the server's state: as many from the front as go together. */
  #admitted(): Place[] {
    const first = this.#line[0];
    if (this.#kind === 'semaphore') {
      const refused = this.#line.findIndex((_, i) => {
        const upTo = this.#line.slice(0, i + 1);
        return upTo.reduce((sum, { permits }) => sum + permits, 0) > permitsMax;
      });
      return refused < 0 ? this.#line : this.#line.slice(0, refused);
    }
    if (this.#kind !== 'rwlock' || first?.op === 'rwlock.write') return this.#line.slice(0, 1);
    const writer = this.#line.findIndex(({ op }) => op === 'rwlock.write');
    return writer < 0 ? this.#line : this.#line.slice(0, writer);
  }

  #tell(place: Place): void {
    place.pending?.ok({ fence: place.fence, lease: place.lease });
    place.pending = undefined;
  }

  #leave(place: Place): void {
    const { process, fence, lease } = place;
    const { tale } = this;
    const gone = () => {
      this.#line = this.#line.filter((each) => each !== place);
    };
    switch (this.#random.below(5)) {
      case 0:
        tale.note(process, 'line', 'lost', { fence, lease, reason: 'deadline' });
        gone();
        break;
      case 1:
        tale.note(process, 'run', 'crash', null);
        gone();
        break;
      case 2:
        // It hears of its loss only when others hold the line already.
        tale.note(process, 'run', 'pause', null);
        gone();
        for (let i = 0; i < 4; i++) this.step();
        tale.note(process, 'run', 'resume', null);
        tale.note(process, 'line', 'lost', { fence, lease, reason: 'deadline' });
        break;
      default: {
        const release = tale.call(process, 'line', 'release', { fence });
        gone();
        release.ok(null);
      }
    }
  }
}
