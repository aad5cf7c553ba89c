import { describe, expect, it } from 'vitest';
import { drawPlan } from '../../src/sim/draw-plan.js';
import { faultWordOf, faultWords } from '../../src/sim/faults/fault-words.js';
import { encodeEntry, encodeHistory, type History } from '../../src/sim/history.js';
import type { Json, Plan } from '../../src/sim/plan.js';
import { runPlan } from '../../src/sim/run-seed.js';
import { workloadOf } from '../../src/sim/workloads/workloads.js';

const client = 'all';

/** What each fault does to whoever suffers it, with parameters that make it certain. */
const effects: Readonly<Record<string, { readonly params: Json; readonly shows: (run: History) => boolean }>> = {
  delay: { params: { client, chance: 1, maxMs: 4000 }, shows: failed('TIMEOUT') },
  'lose-request': { params: { client, chance: 1, how: 'silently' }, shows: failed('TIMEOUT') },
  'lose-reply': { params: { client, chance: 1, how: 'reset' }, shows: failed('UNAVAILABLE') },
  duplicate: { params: { client, chance: 1 }, shows: () => true },
  reset: { params: { client }, shows: () => true },
  'half-open': { params: { client, directions: ['toServer', 'toClient'] }, shows: failed('TIMEOUT') },
  partition: {
    params: { client, directions: ['toServer', 'toClient'], givesUp: true },
    shows: failed('TIMEOUT'),
  },
  'server-pause': { params: { timersFirst: true }, shows: failed('TIMEOUT') },
  'server-restart': { params: { compacted: true }, shows: failed('UNAVAILABLE') },
  compaction: { params: { back: 0 }, shows: noted('kv.compacted') },
  'dropped-delete': { params: { client, chance: 1 }, shows: noted('kv.compacted') },
  'early-revocation': { params: { nth: 0 }, shows: (run) => encodeHistory(run).includes('injected') },
  'leader-change': { params: { breaks: true }, shows: noted('lease.renewed') },
  'client-pause': { params: { client, timersFirst: true, sleeps: false }, shows: noted('resume') },
  'client-crash': { params: { client: 0, restarts: true }, shows: noted('crash') },
  'clock-jump': { params: { client, byMs: 3_600_000 }, shows: noted('lost') },
  'clock-rate': { params: { client, rate: 0.991 }, shows: () => true },
  'no-room': { params: { client, chance: 1, applied: 1 }, shows: failed('RESOURCE_EXHAUSTED') },
  fade: { params: { client, slowMs: 200, cutMs: 500 }, shows: failed('TIMEOUT') },
};

/** Four clients that each hold the lock for two seconds, while the fault lasts from 900 ms to 4,000 ms. */
function planOf(word: string, params: Json, lastsMs = 3100): Plan {
  const hold = { how: 'lock', name: 'a', idleMs: 0, workMs: 2000, writes: 'etcd', careful: true, inner: null };
  const base = drawPlan(7, workloadOf('lock'));
  return {
    ...base,
    ...{ ttlMs: 2000, requestTimeoutMs: 1000, endpoints: 1, asBytes: false, network: { minMs: 0.2, maxMs: 1 } },
    scripts: Array.from({ length: 4 }, () => [[{ ...hold, timeoutMs: null, abortAfterMs: null }]]),
    faults: [{ word, atMs: 900, untilMs: 900 + lastsMs, params }],
    healAtMs: 900 + lastsMs,
  };
}

describe('each fault word', () => {
  it.each(faultWords.map(({ word }) => word))('%s shows, changes the run, and breaks no promise', async (word) => {
    const effect = effects[word];
    if (effect === undefined) throw new Error(`${word} has no effect here: add it`);
    const { healAtMs } = planOf(word, effect.params);
    const result = await runPlan(planOf(word, effect.params));
    const without = await runPlan({ ...planOf(word, effect.params), faults: [], healAtMs });
    expect(effect.shows(result.history), 'its effect').toBe(true);
    expect(result.traceHash).not.toBe(without.traceHash);
    expect(result.violations).toEqual([]);
  });

  it('has a name of its own, and unknown ones are refused', () => {
    expect(new Set(faultWords.map(({ word }) => word)).size).toBe(faultWords.length);
    expect(() => faultWordOf('rain')).toThrow('no fault is called rain');
  });

  it.each([
    ['partition', { client, directions: ['toServer', 'toClient'], givesUp: false }],
    ['fade', { client, slowMs: 0, cutMs: 0 }],
  ])('%s holds a message until it ends, and no longer when there are three at once', async (word, params) => {
    const plan = planOf(word, params, 800);
    const faults = plan.faults.flatMap((fault) => [fault, fault, { ...fault, untilMs: fault.untilMs - 100 }]);
    const { history } = await runPlan({ ...plan, faults });
    const { history: once } = await runPlan(plan);
    expect(answersOf(history)).toEqual(answersOf(once));
  });

  it('that lasts ends when everything heals', async () => {
    const partition = planOf('partition', { client, directions: ['toServer'], givesUp: false });
    const { history } = await runPlan(partition);
    const healedAt = history.findIndex((entry) => encodeEntry(entry).includes('"phase":"healed"'));
    const after = history.slice(healedAt).filter((entry) => entry.type === 'unknown');
    expect(healedAt).toBeGreaterThan(0);
    expect(after.length).toBeLessThan(10);
  });
});

/** When each answer was there, to 10 ms: the network takes one. */
function answersOf(run: History): string[] {
  return run
    .filter((entry) => entry.type === 'ok' || entry.type === 'unknown')
    .map(({ type, process, atMs }) => `${process} ${type} ${Math.round(atMs / 10)}`);
}

function failed(code: string): (run: History) => boolean {
  return (run) =>
    run.some((entry) => (entry.type === 'fail' || entry.type === 'unknown') && entry.error.startsWith(code));
}

function noted(fact: string): (run: History) => boolean {
  return (run) => run.some((entry) => entry.type === 'note' && entry.fact === fact);
}
