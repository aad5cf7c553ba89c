import { describe, expect, it } from 'vitest';
import { type History, Recorder } from '../../../src/sim/history.js';
import type { Witnessed } from '../witness.js';
import { earlyRevocations, serverFacts } from './server-facts.js';

const lease = 7n;
const key = 'locks/a/7.1';

/** A holder whose last heartbeat was sent at 1,000 ms, with a TTL of 2 s. */
function held(after?: (recorder: Recorder, at: (ms: number) => void) => void): History {
  let nowMs = 0;
  const recorder = new Recorder({ nowMs: () => nowMs });
  const at = (ms: number) => {
    nowMs = ms;
  };
  const acquire = recorder.invoke('c1', 'lock/a', 'lock.acquire', null);
  acquire.ok({ fence: 2n, lease, key });
  at(1000);
  recorder.invoke('c1', 'session', 'lease.keepAlive', { lease }).ok({ ttlMs: 2000 });
  after?.(recorder, at);
  return recorder.history;
}

function deleted(atMs: number): Witnessed {
  return { atMs, deleted: true, key, value: '', create: 0n, mod: 9n, version: 0n, lease: 0n, leaseBefore: lease };
}

describe('a lease that the server took early', () => {
  it('is told by a delete within the TTL of an acknowledged heartbeat', () => {
    const notes = earlyRevocations(held(), [deleted(2500)]);
    expect(notes).toMatchObject([
      { atMs: 1000, fact: 'lease.ended', data: { lease, cause: 'injected', revision: 9n } },
    ]);
  });

  it('is put behind every write of a lower revision, and before the delete was seen', () => {
    const input = { line: 'lock/a', fence: 2n };
    const history = held((recorder, at) => {
      at(1500);
      recorder.invoke('c1', 'data/a', 'guarded.write', input).ok({ applied: true, position: 8n });
    });
    expect(earlyRevocations(history, [deleted(2500)])).toMatchObject([{ atMs: 1500 }]);
  });

  it.each<[string, number, Parameters<typeof held>[0]]>([
    ['it expired when its time was up', 3001, undefined],
    [
      'the holder let go',
      2500,
      (recorder, at) => {
        at(2400);
        recorder.invoke('c1', 'lock/a', 'release', { fence: 2n });
      },
    ],
    [
      'the client revoked it',
      2500,
      (recorder, at) => {
        at(2400);
        recorder.invoke('c1', 'session', 'lease.revoke', { lease });
      },
    ],
  ])('is not told when %s', (_, atMs, after) => {
    expect(earlyRevocations(held(after), [deleted(atMs)])).toEqual([]);
  });

  it('is not told of a heartbeat that nobody answered', () => {
    const history = held((recorder, at) => {
      at(2900);
      recorder.invoke('c1', 'session', 'lease.keepAlive', { lease });
    });
    expect(earlyRevocations(history, [deleted(3100)])).toEqual([]);
  });
});

describe('the states of an election', () => {
  const put = (mod: bigint, name: string, create: bigint): Witnessed => {
    const place = { key: `elections/a/${name}`, value: name, create, mod, version: 1n, lease, leaseBefore: 0n };
    return { ...place, atMs: Number(mod), deleted: false };
  };
  const gone = (mod: bigint, name: string): Witnessed => ({ ...put(mod, name, 0n), deleted: true });

  it('are whoever came first of those who stand, and nobody at first and last', () => {
    const log = [put(2n, 'x', 2n), put(3n, 'y', 3n), gone(4n, 'x'), gone(5n, 'y'), put(6n, 'deeper/z', 6n)];
    const states = serverFacts(log, 'election', []).map((entry) => (entry.type === 'note' ? entry.data : undefined));
    expect(states).toEqual([
      { revision: 1n, value: null },
      { revision: 2n, value: { term: 2n, value: 'x' } },
      { revision: 4n, value: { term: 3n, value: 'y' } },
      { revision: 5n, value: null },
    ]);
  });
});

describe('the states of a registry', () => {
  const put = (mod: bigint, id: string, weight: number): Witnessed => {
    const value = JSON.stringify({ Op: 0, Addr: `${id}:80`, Metadata: { conclave: { owner: `o-${id}`, weight } } });
    const at = { key: `services/users/${id}`, value, create: mod, mod, version: 1n, lease, leaseBefore: 0n };
    return { ...at, atMs: Number(mod), deleted: false };
  };

  it('are all who are there, from each revision on that changed something', () => {
    const gone = { ...put(5n, 'x', 1), deleted: true, value: '' };
    const log = [put(2n, 'x', 1), put(3n, 'y', 1), { ...put(4n, 'x', 1), create: 2n }, gone];
    const states = serverFacts(log, 'registry', []).map((entry) => (entry.type === 'note' ? entry.data : undefined));
    const ids = (states as { revision: bigint; value: string }[]).map(({ revision, value }) => [
      revision,
      (JSON.parse(value) as string[]).map((text) => text.split(' ')[0]),
    ]);
    expect(ids).toEqual([
      [1n, []],
      [2n, ['x']],
      [3n, ['x', 'y']],
      [5n, ['y']],
    ]);
  });
});

describe('the states of a configuration', () => {
  const put = (mod: bigint, key: string, value: string): Witnessed => {
    const zeros = { create: mod, version: 1n, lease: 0n, leaseBefore: 0n };
    return { atMs: Number(mod), deleted: false, key, value, mod, ...zeros };
  };

  it('are what each txn left, whatever else it wrote', () => {
    const log = [
      put(2n, 'config/app/left', '"a"'),
      put(2n, 'config/app/right', '"a"'),
      put(2n, 'config-history/app/left//1.x', '{}'),
    ];
    const states = serverFacts(log, 'config', []).map((entry) => (entry.type === 'note' ? entry.data : undefined));
    expect(states).toEqual([
      { revision: 1n, value: '[]' },
      { revision: 2n, value: JSON.stringify(['left "a"', 'right "a"']) },
    ]);
  });
});

describe('a party of a double barrier', () => {
  const party = { ...deleted(3_100), key: 'double-barriers/0.1/parties/7.1' };

  it('is lost with its lease, from the last heartbeat on', () => {
    expect(serverFacts([party], 'barrier', held())).toMatchObject([
      { atMs: 1_000, process: 'c1', object: 'double/0.1', fact: 'lost', data: { lease } },
    ]);
  });

  it('is not when its lease lives on, or nobody had it', () => {
    const alive = held((recorder, at) => {
      at(3_200);
      recorder.invoke('c1', 'session', 'lease.keepAlive', { lease }).ok({ ttlMs: 2000 });
    });
    expect(serverFacts([party], 'barrier', alive)).toEqual([]);
    expect(serverFacts([{ ...party, deleted: false }], 'barrier', held())).toEqual([]);
    expect(serverFacts([party], 'barrier', [])).toEqual([]);
  });
});

describe('what transactions wrote', () => {
  it('may have been so since their writer had begun, however late it is seen', () => {
    let nowMs = 40;
    const recorder = new Recorder({ nowMs: () => nowMs++ });
    const turn = { reads: [], appends: ['stm-data/a'], clears: ['stm-data/b'] };
    recorder.invoke('c1', 'stm', 'stm.run', { id: 'x', ...turn }).ok({ seen: {} });
    const seen = { ...deleted(90), create: 2n, version: 1n };
    const log = [
      { ...seen, key: 'stm-data/a', value: 'w x', deleted: false },
      { ...seen, key: 'stm-data/b' },
    ];
    expect(serverFacts(log, 'stm', recorder.history)).toMatchObject([
      { atMs: 90, data: { earliestMs: 40, values: { 'stm-data/a': 'w x' }, changed: ['stm-data/a', 'stm-data/b'] } },
    ]);
  });
});
