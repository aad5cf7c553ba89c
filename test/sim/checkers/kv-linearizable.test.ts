import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kvLinearizable } from '../../../src/sim/checkers/kv-linearizable.js';
import { leaseNotEarly } from '../../../src/sim/checkers/lease-not-early.js';
import type { Entry, History, Plain } from '../../../src/sim/history.js';
import type { KvItem } from '../../../src/sim/vocabulary.js';
import { engineTraffic } from './support/engine-traffic.js';
import { forAll, only } from './support/for-all.js';
import { callOf, changed, moved, placesOf } from './support/mutate.js';
import { rules, type Tale, tell, verdicts } from './support/tale.js';
import { keyValueTraffic } from './support/traffic.js';

function put(tale: Tale, key: string, value: string, revision: bigint) {
  tale.did('a', 'kv', 'kv.put', { key, value }, { revision });
}

function item(key: string, value: string, create: bigint, mod: bigint, version: bigint): KvItem {
  return { key, value, create, mod, version, lease: 0n };
}

function read(tale: Tale, key: string, revision: bigint, ...kvs: KvItem[]) {
  tale.did('b', 'kv', 'kv.range', { key }, { revision, kvs, count: BigInt(kvs.length) });
}

function logged(tale: Tale, { key, value, create, mod, version, lease }: KvItem) {
  tale.note('server', 'kv', 'kv.event', { type: 'put', key, value, create, revision: mod, version, lease });
}

function lostPut(tale: Tale, key: string, value: string) {
  tale.call('c', 'kv', 'kv.put', { key, value }).unknown(new Error('lost'));
}

/** Puts of `process` under way together and done at revision 2, and one more of which it never heard. */
function batched(tale: Tale, process: string, keys: readonly string[]) {
  const calls = keys.map((key) => tale.call(process, 'kv', 'kv.put', { key, value: key }));
  const lost = tale.call(process, 'kv', 'kv.put', { key: 'z', value: 'z' });
  for (const call of calls) call.ok({ revision: 2n });
  lost.unknown(new Error('lost'));
}

/** A put that is done only where the key has less than `version` plus one versions. */
function lostTxn(tale: Tale, key: string, value: string, version: string) {
  const compare = [{ key, target: 'version', result: '<', operand: BigInt(version) + 1n }] as const;
  const success = [{ op: 'put', input: { key, value } }] as const;
  tale.call('d', 'kv', 'kv.txn', { compare, success, failure: [] }).unknown(new Error('lost'));
}

describe('kv linearizable', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Read - what was written - pass',
      [],
      (tale) => {
        put(tale, 'k', '1', 2n);
        put(tale, 'k', '2', 3n);
        read(tale, 'k', 3n, item('k', '2', 2n, 3n, 2n));
        read(tale, 'other', 3n);
      },
    ],
    [
      'Batch - two puts of one process at one revision, a third of unknown fate - pass',
      [],
      (tale) => {
        batched(tale, 'a', ['x', 'y']);
        logged(tale, item('x', 'x', 2n, 2n, 1n));
        logged(tale, item('y', 'y', 2n, 2n, 1n));
        logged(tale, item('z', 'z', 2n, 2n, 1n));
      },
    ],
    [
      'Batch - all of unknown fate - pass',
      [],
      (tale) => {
        lostPut(tale, 'x', '1');
        lostPut(tale, 'y', '2');
        logged(tale, item('x', '1', 2n, 2n, 1n));
        logged(tale, item('y', '2', 2n, 2n, 1n));
      },
    ],
    [
      'Batch - one of two of unknown fate, with what nobody wrote - fail',
      ['kv-linearizable: nothing invented'],
      (tale) => {
        lostPut(tale, 'x', '1');
        logged(tale, item('x', '1', 2n, 2n, 1n));
        logged(tale, item('y', '2', 2n, 2n, 1n));
      },
    ],
    [
      'Batch - of two processes - fail',
      ['kv-linearizable: nothing invented'],
      (tale) => {
        lostPut(tale, 'x', '1');
        lostTxn(tale, 'y', '2', '0');
        logged(tale, item('x', '1', 2n, 2n, 1n));
        logged(tale, item('y', '2', 2n, 2n, 1n));
      },
    ],
    [
      'Batch - one member after the other had been answered - fail',
      ['kv-linearizable: real time', 'kv-linearizable: unique'],
      (tale) => {
        put(tale, 'x', '1', 2n);
        put(tale, 'y', '2', 2n);
      },
    ],
    [
      'Batch - a member compares what another one writes - fail',
      ['kv-linearizable: together'],
      (tale) => {
        const compare = [{ key: 'x', target: 'create', result: '=', operand: 0n }] as const;
        const input = { compare, success: [{ op: 'put', input: { key: 'y', value: '' } }], failure: [] } as const;
        const [first, second] = [
          tale.call('a', 'kv', 'kv.put', { key: 'x', value: '' }),
          tale.call('a', 'kv', 'kv.txn', input),
        ];
        first.ok({ revision: 2n });
        second.ok({ revision: 2n, succeeded: true, responses: [{ op: 'put' }] });
      },
    ],
    [
      'Real time - an older state while a write is on its way - pass',
      [],
      (tale) => {
        const write = tale.call('a', 'kv', 'kv.put', { key: 'k', value: '1' });
        read(tale, 'k', 1n);
        write.ok({ revision: 2n });
      },
    ],
    [
      'Real time - a serializable read of the past - pass',
      [],
      (tale) => {
        put(tale, 'k', '1', 2n);
        tale.did('b', 'kv', 'kv.range', { key: 'k', serializable: true }, { revision: 1n, kvs: [], count: 0n });
      },
    ],
    [
      'Read - of a revision of the past - pass',
      [],
      (tale) => {
        put(tale, 'k', '1', 2n);
        put(tale, 'k', '2', 3n);
        const kvs = [item('k', '1', 2n, 2n, 1n)];
        tale.did('b', 'kv', 'kv.range', { key: 'k', revision: 2n }, { revision: 3n, kvs, count: 1n });
      },
    ],
    [
      'Witness - a write of unknown fate that the log shows - pass',
      [],
      (tale) => {
        lostPut(tale, 'k', '1');
        logged(tale, item('k', '1', 2n, 2n, 1n));
        read(tale, 'k', 2n, item('k', '1', 2n, 2n, 1n));
      },
    ],
    [
      'Witness - keys that went with their lease - pass',
      [],
      (tale) => {
        tale.did('a', 'kv', 'kv.put', { key: 'k', value: '1', lease: 7n }, { revision: 2n });
        logged(tale, { ...item('k', '1', 2n, 2n, 1n), lease: 7n });
        const gone = { type: 'delete', key: 'k', value: '', create: 0n, version: 0n, lease: 0n, revision: 3n } as const;
        tale.note('server', 'kv', 'kv.event', gone);
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'expired', revision: 3n });
        read(tale, 'k', 3n);
      },
    ],
    [
      'Witness - two lost writes, one of which alone explains the second revision - pass',
      [],
      (tale) => {
        lostPut(tale, 'k', '1');
        tale.did('a', 'kv', 'kv.range', { key: 'j' }, { revision: 1n, kvs: [], count: 0n });
        lostTxn(tale, 'k', '1', '0');
        logged(tale, item('k', '1', 2n, 2n, 1n));
        logged(tale, item('k', '1', 2n, 3n, 2n));
      },
    ],
    [
      'Witness - three lost writes that must change places twice - pass',
      [],
      (tale) => {
        lostPut(tale, 'k', '1');
        lostTxn(tale, 'k', '1', '2');
        lostTxn(tale, 'k', '1', '1');
        logged(tale, item('k', '1', 2n, 2n, 1n));
        logged(tale, item('k', '1', 2n, 3n, 2n));
        logged(tale, item('k', '1', 2n, 4n, 3n));
      },
    ],
    [
      'Nothing invented - as many lost writes as revisions, and none that can be the second - fail',
      ['kv-linearizable: nothing invented'],
      (tale) => {
        lostTxn(tale, 'k', '1', '0');
        lostTxn(tale, 'k', '1', '0');
        logged(tale, item('k', '1', 2n, 2n, 1n));
        logged(tale, item('k', '1', 2n, 3n, 2n));
      },
    ],
    [
      'Read - stale - fail',
      ['kv-linearizable: read'],
      (tale) => {
        put(tale, 'k', '1', 2n);
        put(tale, 'k', '2', 3n);
        read(tale, 'k', 3n, item('k', '1', 2n, 2n, 1n));
      },
    ],
    [
      'Real time - an answer from before a write that was answered - fail',
      ['kv-linearizable: real time'],
      (tale) => {
        put(tale, 'k', '1', 2n);
        read(tale, 'k', 1n);
      },
    ],
    [
      'Real time - a write behind one that came later - fail',
      ['kv-linearizable: real time'],
      (tale) => {
        const first = tale.call('a', 'kv', 'kv.put', { key: 'j', value: '1' });
        put(tale, 'k', '1', 3n);
        tale.did('c', 'kv', 'kv.put', { key: 'k', value: '2' }, { revision: 2n });
        first.ok({ revision: 4n });
      },
    ],
    [
      'Unique - two writes at one revision - fail',
      ['kv-linearizable: unique'],
      (tale) => {
        const [a, b] = ['a', 'b'].map((process) => tale.call(process, 'kv', 'kv.put', { key: 'k', value: process }));
        a?.ok({ revision: 2n });
        b?.ok({ revision: 2n });
      },
    ],
    [
      'No gap - a revision that nobody wrote - fail',
      ['kv-linearizable: no gap', 'kv-linearizable: witness'],
      (tale) => {
        put(tale, 'k', '1', 2n);
        put(tale, 'k', '2', 4n);
      },
    ],
    [
      'Txn - took the branch whose compare did not hold - fail',
      ['kv-linearizable: txn'],
      (tale) => {
        put(tale, 'k', '1', 2n);
        const compare = [{ key: 'k', target: 'create', result: '=', operand: 0n }] as const;
        const success = [{ op: 'put', input: { key: 'k', value: '2' } }] as const;
        const output = { revision: 3n, succeeded: true, responses: [{ op: 'put' }] } as const;
        tale.did('b', 'kv', 'kv.txn', { compare, success, failure: [] }, output);
      },
    ],
    [
      'Nothing lost - acknowledged, and not in the log - fail',
      ['kv-linearizable: nothing lost'],
      (tale) => {
        put(tale, 'k', '1', 2n);
        logged(tale, item('k', '1', 2n, 2n, 1n));
        put(tale, 'j', '1', 3n);
        put(tale, 'k', '2', 4n);
        logged(tale, item('k', '2', 2n, 4n, 2n));
      },
    ],
    [
      'Log - shows another value than was acknowledged - fail',
      ['kv-linearizable: log'],
      (tale) => {
        put(tale, 'k', '1', 2n);
        logged(tale, item('k', '2', 2n, 2n, 1n));
      },
    ],
    [
      'Nothing invented - a write that nobody made - fail',
      ['kv-linearizable: nothing invented'],
      (tale) => {
        lostPut(tale, 'k', '1');
        logged(tale, item('k', '2', 2n, 2n, 1n));
      },
    ],
    [
      'Nothing invented - one lost write done twice - fail',
      ['kv-linearizable: nothing invented'],
      (tale) => {
        lostPut(tale, 'k', '1');
        logged(tale, item('k', '1', 2n, 2n, 1n));
        logged(tale, item('k', '1', 2n, 3n, 2n));
      },
    ],
    [
      'Nothing invented - done before it was asked for - fail',
      ['kv-linearizable: nothing invented'],
      (tale) => {
        logged(tale, item('k', '1', 2n, 2n, 1n));
        read(tale, 'k', 2n, item('k', '1', 2n, 2n, 1n));
        lostPut(tale, 'k', '1');
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(kvLinearizable(tell(write)))).toEqual(broken));

  it('Witness - a write of unknown fate without a log - undecided', () => {
    const found = kvLinearizable(
      tell((tale) => {
        put(tale, 'k', '1', 2n);
        lostPut(tale, 'k', '2');
        put(tale, 'j', '1', 4n);
        read(tale, 'k', 4n, item('k', '2', 2n, 3n, 2n));
      }),
    );
    expect(verdicts(found)).toEqual(['undecided']);
  });

  it('Witness - more lost writes alike than the search may look at - undecided', () => {
    const history = tell((tale) => {
      for (let i = 0; i < 20; i++) lostPut(tale, 'k', '1');
      for (let i = 2n; i < 22n; i++) logged(tale, item('k', '1', 2n, i, i - 1n));
    });
    expect(kvLinearizable(history)).toEqual([]);
    const found = kvLinearizable(history, { maxSteps: 10 });
    expect(verdicts(found)).toEqual(['undecided']);
    expect(rules(found)).toEqual(['kv-linearizable: writers']);
  });

  it('Witness - what a read taught is judged again, without a log - fail', () => {
    const found = kvLinearizable(
      tell((tale) => {
        lostPut(tale, 'k', '1');
        put(tale, 'j', '1', 3n);
        read(tale, 'k', 3n, item('k', '1', 2n, 2n, 1n));
        read(tale, 'k', 3n);
      }),
    );
    expect(rules(found)).toContain('kv-linearizable: read');
  });
});

describe('kv linearizable, generated', () => {
  const traffic = fc.record({
    seed: fc.nat(),
    operations: fc.integer({ min: 1, max: 80 }),
    lostPercent: fc.constantFrom(0, 20),
    log: fc.constant(true),
  });

  it('what the engine answers passes', () => {
    forAll(traffic, (options) => expect(kvLinearizable(engineTraffic(options))).toEqual([]), 500);
  });

  it('what the engine answers is at most undecided without its log', () => {
    forAll(traffic, (options) => {
      const found = kvLinearizable(engineTraffic({ ...options, log: false }));
      expect(found.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
    });
  });

  it('an answer with another value is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = engineTraffic({ seed, operations: 60, lostPercent: 10, log: true });
      const reads = placesOf(history, (entry) => entry.type === 'ok' && kvsOf(entry).length > 0);
      const at = reads[choice % Math.max(1, reads.length)];
      only(at !== undefined);
      const wrong = changed(history, at, (entry) => withKvs(entry, (kvs) => kvs.map((kv) => ({ ...kv, value: 'no' }))));
      expect(rules(kvLinearizable(wrong))).toEqual(['kv-linearizable: read']);
    });
  });

  it('a write moved behind a later one that saw less is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = keyValueTraffic({ seed, operations: 60, clients: 4, keys: 2 });
      const ends = placesOf(history, (entry) => entry.type === 'ok');
      // Its call comes only after a higher revision was answered.
      const late = ends.filter((at) =>
        ends.some((other) => other > at && revisionAt(history, other) > revisionAt(history, at)),
      );
      const at = late[choice % Math.max(1, late.length)];
      only(at !== undefined);
      const end = history[at] as Entry;
      const call = history[callOf(history, at)] as Entry;
      const rest = history.filter((entry) => entry !== end && entry !== call);
      expect(rules(kvLinearizable([...rest, call, end]))).toEqual(['kv-linearizable: real time']);
    });
  });

  it('a change that the log lacks is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = engineTraffic({ seed, operations: 60, lostPercent: 0, log: true });
      const events = placesOf(history, (entry) => entry.type === 'note' && entry.fact === 'kv.event').slice(0, -1);
      const at = events[choice % Math.max(1, events.length)];
      only(at !== undefined && events.indexOf(at) > 0);
      const gone = moved(history, at, history.length - 1).slice(0, -1);
      // Of the keys that go with a lease, those that are told are enough here: whether all went, the other one judges.
      expect(rules([...kvLinearizable(gone), ...leaseNotEarly(gone)])).not.toEqual([]);
    });
  });
});

function kvsOf(entry: Entry): readonly KvItem[] {
  return ((entry as { output?: { kvs?: readonly KvItem[] } }).output?.kvs ?? []) as readonly KvItem[];
}

function withKvs(entry: Entry, change: (kvs: readonly KvItem[]) => Plain): Entry {
  const { output } = entry as unknown as { output: { kvs: readonly KvItem[] } };
  return { ...entry, output: { ...output, kvs: change(output.kvs) } } as unknown as Entry;
}

function revisionAt(history: History, at: number): bigint {
  return (history[at] as unknown as { output: { revision: bigint } }).output.revision;
}
