import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guardedWrites } from '../../../src/sim/checkers/guarded-writes.js';
import type { History } from '../../../src/sim/history.js';
import { Prng } from '../../../src/sim/prng.js';
import { forAll, only } from './support/for-all.js';
import { changed, placesOf } from './support/mutate.js';
import { rules, Tale, tell } from './support/tale.js';

interface Write {
  readonly fence: bigint;
  readonly saw?: number;
  readonly wrote?: number;
  readonly outside?: boolean;
}

function acquired(tale: Tale, process: string, fence: bigint) {
  tale.did(process, 'lock', 'lock.acquire', null, { fence, lease: fence });
}

function wrote(tale: Tale, process: string, write: Write, position: bigint | null) {
  const output = position === null ? { applied: false } : { applied: true, position };
  tale.did(process, 'counter', 'guarded.write', { line: 'lock', ...write }, output);
}

describe('guarded writes', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Current - the former holder is refused - pass',
      [],
      (tale) => {
        acquired(tale, 'a', 2n);
        wrote(tale, 'a', { fence: 2n, saw: 0, wrote: 1 }, 3n);
        acquired(tale, 'b', 4n);
        wrote(tale, 'a', { fence: 2n, saw: 1, wrote: 2 }, null);
        wrote(tale, 'b', { fence: 4n, saw: 1, wrote: 2 }, 5n);
      },
    ],
    [
      'Current - a write on its way when the next holder begins - pass',
      [],
      (tale) => {
        acquired(tale, 'a', 2n);
        const write = tale.call('a', 'counter', 'guarded.write', { line: 'lock', fence: 2n });
        acquired(tale, 'b', 4n);
        write.ok({ applied: true, position: 3n });
      },
    ],
    [
      'Current - an outside store that has not yet seen the higher fence - pass',
      [],
      (tale) => {
        acquired(tale, 'a', 2n);
        acquired(tale, 'b', 4n);
        wrote(tale, 'a', { fence: 2n, outside: true }, 1n);
        wrote(tale, 'b', { fence: 4n, outside: true }, 2n);
      },
    ],
    [
      'Nothing lost - a write of unknown fate was seen - pass',
      [],
      (tale) => {
        acquired(tale, 'a', 2n);
        wrote(tale, 'a', { fence: 2n, saw: 0, wrote: 1 }, 3n);
        const input = { line: 'lock', fence: 2n, saw: 1, wrote: 2 };
        tale.call('a', 'counter', 'guarded.write', input).unknown(new Error('reply lost'));
        wrote(tale, 'a', { fence: 2n, saw: 2, wrote: 3 }, 6n);
      },
    ],
    [
      'Current - the former holder writes after the next began - fail',
      ['guarded-writes: current'],
      (tale) => {
        acquired(tale, 'a', 2n);
        acquired(tale, 'b', 4n);
        wrote(tale, 'a', { fence: 2n }, 5n);
      },
    ],
    [
      'In fence order - a lower fence behind a higher in the store - fail',
      ['guarded-writes: in fence order'],
      (tale) => {
        acquired(tale, 'a', 2n);
        const write = tale.call('a', 'counter', 'guarded.write', { line: 'lock', fence: 2n, outside: true });
        acquired(tale, 'b', 4n);
        wrote(tale, 'b', { fence: 4n, outside: true }, 1n);
        write.ok({ applied: true, position: 2n });
      },
    ],
    [
      'Nothing lost - two read the same value - fail',
      ['guarded-writes: nothing lost'],
      (tale) => {
        acquired(tale, 'a', 2n);
        wrote(tale, 'a', { fence: 2n, saw: 0, wrote: 1 }, 3n);
        acquired(tale, 'b', 4n);
        wrote(tale, 'b', { fence: 4n, saw: 0, wrote: 1 }, 5n);
      },
    ],
    [
      'One at a time - two writes at one position - fail',
      ['guarded-writes: one at a time'],
      (tale) => {
        acquired(tale, 'a', 2n);
        wrote(tale, 'a', { fence: 2n, saw: 0, wrote: 1 }, 3n);
        wrote(tale, 'a', { fence: 2n, saw: 1, wrote: 2 }, 3n);
      },
    ],
    [
      'Own fence - with a fence that another was given - fail',
      ['guarded-writes: own fence'],
      (tale) => {
        acquired(tale, 'a', 2n);
        wrote(tale, 'b', { fence: 2n }, 3n);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(guardedWrites(tell(write)))).toEqual(broken));

  it('valid histories pass', () => {
    forAll(fc.nat(), (seed) => expectRules(validWrites(seed)).toEqual([]));
  });

  it('a value that skips another write is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = validWrites(seed);
      const writes = placesOf(history, (entry) => entry.type === 'invoke' && entry.op === 'guarded.write').slice(1);
      const at = writes[choice % Math.max(1, writes.length)];
      only(at !== undefined);
      const stale = changed(history, at, (entry) => withInput(entry, (input) => ({ ...input, saw: input.saw - 1 })));
      expectRules(stale).toEqual(['guarded-writes: nothing lost']);
    });
  });

  it('a write in the name of a former holder is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = validWrites(seed);
      const writes = placesOf(history, (entry) => entry.type === 'invoke' && entry.op === 'guarded.write');
      const at = writes[choice % Math.max(1, writes.length)];
      only(at !== undefined && inputOf(history[at]).fence > 2n);
      // The same process had the lock before, under the first fence.
      const former = changed(history, at, (entry) => withInput(entry, (input) => ({ ...input, fence: 2n })));
      expectRules(former).toContain('guarded-writes: current');
    });
  });
});

function expectRules(history: History) {
  return expect(rules(guardedWrites(history)));
}

interface Input {
  readonly fence: bigint;
  readonly saw: number;
  readonly wrote: number;
}

function inputOf(entry: History[number] | undefined): Input {
  return (entry as { input: unknown }).input as Input;
}

function withInput(entry: History[number], change: (input: Input) => Input): History[number] {
  return { ...entry, input: change(inputOf(entry)) } as unknown as History[number];
}

/** One process takes the lock again and again and counts up under it. */
function validWrites(seed: number): History {
  const random = new Prng(seed);
  const tale = new Tale();
  let [revision, value] = [1n, 0];
  for (let round = 0; round < 6; round++) {
    const fence = ++revision;
    acquired(tale, 'a', fence);
    for (let i = random.below(4); i > 0; i--) {
      wrote(tale, 'a', { fence, saw: value, wrote: value + 1 }, ++revision);
      value += 1;
    }
    tale.did('a', 'lock', 'release', { fence }, null);
  }
  return tale.history;
}
