import { describe, expect, it } from 'vitest';
import { queue } from '../../../src/sim/checkers/index.js';
import { type History, mergeHistories, Recorder } from '../../../src/sim/history.js';
import type { Witnessed } from '../witness.js';
import { count } from './figures.js';
import { queueFacts, withRevisions } from './queue-facts.js';

const noGroup = () => undefined;
const nobody = { lease: 0n, leaseBefore: 0n, version: 1n };

function put(mod: bigint, folder: 'jobs' | 'dead' | 'taken', seq: number, payload: string): Witnessed {
  const key = `queues/q/${folder}/${String(seq).padStart(16, '0')}`;
  return { ...nobody, atMs: Number(mod), deleted: false, key, value: JSON.stringify({ payload }), create: mod, mod };
}

function gone(mod: bigint, seq: number): Witnessed {
  return { ...put(mod, 'jobs', seq, ''), deleted: true, value: '', create: 0n };
}

/** A claim that is over. */
function taken(mod: bigint, seq: number): Witnessed {
  return { ...put(mod, 'taken', seq, ''), deleted: true, create: 0n };
}

/** A job that was put in, taken, and said to be done; `worked`: and done. */
function tale(worked: boolean): History {
  let nowMs = 0;
  const recorder = new Recorder({ nowMs: () => nowMs++ });
  recorder.note('world', 'cluster', 'fault', { window: 'none' });
  recorder.invoke('c1', 'queue/q', 'queue.enqueue', { item: 'a' }).ok({ revision: 0n });
  recorder.invoke('c2', 'queue/q', 'queue.take', null).ok({ item: 'a', claim: 3n });
  if (worked) recorder.note('c2', 'queue/q', 'queue.worked', { item: 'a' });
  recorder.invoke('c2', 'queue/q', 'queue.ack', { item: 'a', claim: 3n }).ok(null);
  return recorder.history;
}

describe('what a queue is told by the witness', () => {
  it('is the dead letters, and the jobs that are there in the end', () => {
    const log = [put(2n, 'jobs', 1, 'a'), put(3n, 'jobs', 2, 'b'), put(4n, 'dead', 2, ''), gone(5n, 1)];
    expect(queueFacts(log, noGroup)).toMatchObject([
      { fact: 'queue.dead', data: { item: 'b' } },
      { fact: 'queue.remaining', data: { items: ['b'] } },
    ]);
  });

  it('is who has which job: two of a group at once, by what was asked for', () => {
    const log = [
      ...[put(2n, 'jobs', 1, 'a'), put(2n, 'jobs', 2, 'b'), put(2n, 'jobs', 3, 'c')],
      ...[put(3n, 'taken', 1, ''), put(4n, 'taken', 3, ''), put(5n, 'taken', 2, '')],
    ];
    const groupOf = (item: string) => (item === 'c' ? undefined : 'g');
    const claims = ['a', 'c', 'b'].map((item, i) => ({ fact: 'queue.claimed', data: { item, claim: BigInt(i + 3) } }));
    const beside = { fact: 'queue.beside', data: { group: 'g', items: ['a', 'b'] } };
    const remaining = { fact: 'queue.remaining', data: { items: ['a', 'b', 'c'] } };
    expect(queueFacts(log, groupOf)).toMatchObject([...claims, beside, remaining]);
    const given = [...log.slice(0, 5), taken(4n, 1), ...log.slice(5)];
    expect(queueFacts(given, groupOf)).not.toContainEqual(expect.objectContaining({ fact: 'queue.beside' }));
  });

  it('is what a purge took, not what was acknowledged with it', () => {
    const purge = { ...put(5n, 'jobs', 1, ''), key: 'queues/q/gone/purged' };
    const log = [put(2n, 'jobs', 1, 'a'), put(2n, 'jobs', 2, 'b'), put(3n, 'taken', 2, '')];
    const facts = queueFacts([...log, purge, gone(5n, 1), gone(5n, 2), taken(5n, 2)], noGroup);
    expect(facts.filter(({ fact }) => fact === 'queue.purged')).toMatchObject([
      { data: { item: 'a', claimed: false } },
    ]);
    const inHand = queueFacts([...log, purge, gone(5n, 2)], noGroup);
    expect(inHand).toContainEqual(expect.objectContaining({ data: { item: 'b', claimed: true } }));
  });

  it('is the revision at which a job came in, not that of a later change', () => {
    const again = { ...put(9n, 'jobs', 1, 'a'), create: 2n };
    const [, , told] = withRevisions(tale(true), [put(2n, 'jobs', 1, 'a'), again]);
    expect(told).toMatchObject({ type: 'ok', output: { revision: 2n } });
  });

  it('makes the checker miss a job that was accepted and is nowhere', () => {
    const recorder = new Recorder({ nowMs: () => 0 });
    recorder.invoke('c1', 'queue/q', 'queue.enqueue', { item: 'a' }).ok({ revision: 0n });
    const log = [put(2n, 'jobs', 1, 'a'), gone(3n, 1)];
    const history = mergeHistories(withRevisions(recorder.history, log), queueFacts(log, noGroup));
    expect(queue(history).map(({ rule }) => rule)).toEqual(['queue: nothing lost']);
  });
});

describe('a job that was accepted', () => {
  const lost = (history: History) => count(history, [], 'queue').all.map((counts) => counts.lost);

  it('is counted as lost when it was said to be done, and nobody did it', () => {
    expect(lost(tale(true))).toEqual([0]);
    expect(lost(tale(false))).toEqual([1]);
  });

  it('is not when it is still there', () => {
    expect(lost(mergeHistories(tale(false), queueFacts([put(2n, 'jobs', 1, 'a')], noGroup)))).toEqual([0]);
  });
});
