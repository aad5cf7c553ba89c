import { describe, expect, it } from 'vitest';
import { settingsOf } from '../../../src/queue/options.js';
import { encodeRecord } from '../../../src/queue/record.js';
import { encodeSchedule, specOf } from '../../../src/queue/schedule.js';
import { queue, schedule } from '../../../src/sim/checkers/index.js';
import { type History, mergeHistories, Recorder } from '../../../src/sim/history.js';
import type { Witnessed } from '../witness.js';
import { tickItem } from '../work/schedule.js';
import { latestClock, scheduleFacts } from './schedule-facts.js';

const everyMs = 1_000;
const seqOf = (seq: number) => String(seq).padStart(16, '0');
const spec = specOf('tick', { everyMs, overlap: 'skip', payload: null }, settingsOf({}));

/** One event of the log, at the time of its revision. */
function put(mod: bigint, path: string, value: string, create = mod): Witnessed {
  const rest = { deleted: false, version: 1n, lease: 0n, leaseBefore: 0n };
  return { ...rest, atMs: Number(mod), key: `schedules/s/${path}`, value, create, mod };
}

const said = (mod: bigint, nextMs: number) =>
  put(mod, 'schedules/tick', encodeSchedule({ spec, nextMs, lastMs: undefined, lastSeq: undefined }), 2n);

/** A tick: the schedule is moved on, and its job is added. */
function tick(mod: bigint, seq: number, atMs: number): Witnessed[] {
  const record = {
    enqueuedMs: 0,
    maker: '',
    kib: 1,
    priority: 0,
    dedupe: undefined,
    group: undefined,
    dueMs: undefined,
    tick: { schedule: 'tick', atMs },
  };
  return [said(mod, atMs + everyMs), put(mod, `jobs/${seqOf(seq)}`, encodeRecord('null', record))];
}

const wallMs = () => 10_000;
const broken = (history: History) => [...schedule(history), ...queue(history)].map(({ rule }) => rule);

describe('what schedules are told by the witness', () => {
  it('is each tick with its schedule, and its job as one that came in', () => {
    const facts = scheduleFacts([said(2n, 1_000), ...tick(3n, 1, 1_000), ...tick(4n, 2, 3_000)], wallMs);
    expect(facts.filter((each) => each.type === 'note' && each.fact === 'schedule.tick')).toMatchObject([
      { object: 'schedule/s', data: { name: 'tick', atMs: 1_000, revision: 3n, rhythm: '{"everyMs":1000}' } },
      { data: { atMs: 3_000, revision: 4n } },
    ]);
    expect(facts).toContainEqual(
      expect.objectContaining({ op: 'queue.enqueue', input: { item: 'tick@1000#1', group: 'schedule/tick' } }),
    );
    expect(broken(facts)).toEqual([]);
  });

  it.each<[string, string[], readonly Witnessed[]]>([
    ['a tick twice', ['schedule: a tick once'], [...tick(3n, 1, 1_000), ...tick(4n, 2, 1_000)]],
    ['a tick before its time', ['schedule: not before its time'], tick(3n, 1, 11_000)],
    ['one that is on no tick', ['schedule: on the rhythm'], tick(3n, 1, 1_500)],
    [
      'one that waits behind another',
      ['schedule: overlap'],
      [put(3n, `waiting/schedule%2Ftick/${seqOf(1)}`, '{}'), ...tick(3n, 2, 1_000)],
    ],
  ])('makes the checker find %s', (_, rules, log) => {
    expect(broken(scheduleFacts([said(2n, 1_000), ...log], wallMs))).toEqual(rules);
  });

  it('makes the checker find a run that two take for done', () => {
    const recorder = new Recorder({ nowMs: () => 5 });
    const item = tickItem({ schedule: 'tick', atMs: 1_000 }, '1');
    for (const [process, claim] of [
      ['a', 4n],
      ['b', 6n],
    ] as const) {
      recorder.invoke(process, 'schedule/s', 'queue.take', null).ok({ item, claim });
      recorder.invoke(process, 'schedule/s', 'queue.ack', { item, claim }).ok(null);
    }
    const facts = scheduleFacts([said(2n, 1_000), ...tick(3n, 1, 1_000)], wallMs);
    expect(broken(mergeHistories(recorder.history, facts))).toContain('queue: done once');
  });
});

describe('the latest clock', () => {
  it('is the farthest that one was set ahead so far', () => {
    let nowMs = 100;
    const recorder = new Recorder({ nowMs: () => nowMs });
    recorder.note('world', 'cluster', 'fault', { window: 'clock-jump' });
    for (const offset of ['+30', '-86400', '+0']) {
      recorder.note('world', 'cluster', 'fault', { word: 'clock-jump', offset });
      nowMs += 100;
    }
    const latest = latestClock(recorder.history, 1_000_000);
    expect(latest(99)).toBeLessThan(1_001_000);
    expect(latest(350) - latest(99)).toBe(30_000 + 251);
  });
});
