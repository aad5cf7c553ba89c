import { describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { type Alarm, AlarmType } from '../../src/engine/alarm-set.js';
import { AuthStore } from '../../src/engine/auth/auth-store.js';
import type { EngineHost } from '../../src/engine/engine-host.js';
import type { JournalEntry } from '../../src/engine/journal.js';
import { Prng } from '../../src/sim/prng.js';
import { fileHeaderBytes } from '../../src/storage/file-header.js';
import type { AuthEntry } from '../../src/store/auth-journal.js';
import { CrashFs, type CrashFsFaults, fault } from './support/crash-fs.js';
import {
  crashTrial,
  failedSyncTrial,
  killTrial,
  openOn,
  reserveBytes,
  type Sabotage,
  type TrialResult,
} from './support/crash-trial.js';

/** `CONCLAVE_CRASH_STATES=1000000` judges as many. */
const statesAsked = Number(process.env.CONCLAVE_CRASH_STATES ?? 4_000);
const operationsPerTrial = 40;

vi.setConfig({ testTimeout: Math.max(60_000, statesAsked * 5) });

function states(count: number, faults?: CrashFsFaults, sabotage?: Sabotage): Promise<TrialResult> {
  return statesOf(count, (random) => crashTrial(random, operationsPerTrial, faults, sabotage));
}

async function statesOf(count: number, trial: (random: Prng) => Promise<TrialResult>): Promise<TrialResult> {
  const sum = { states: 0, cut: 0, checkpointed: 0, violations: [] as string[] };
  // Bounded: every trial judges some.
  for (let seed = 1; sum.states < count; seed++) {
    const { states, cut, checkpointed, violations } = await trial(new Prng(seed));
    sum.states += states;
    sum.cut += cut;
    sum.checkpointed += checkpointed;
    sum.violations.push(...violations.map((each) => `seed ${seed}: ${each}`));
  }
  return sum;
}

/**
 * Of the records every eighth or so finds the disk full, of the zeros that make room for them every other, when they
 * are written or when they are synced; there is room for what is written next.
 */
function fullNowAndThen(foundBy: 'write' | 'sync' = 'write'): CrashFsFaults {
  const random = new Prng(8);
  let isFull = false;
  const before = (operation: string, bytes: number) => {
    const isRecord = operation === 'write' && bytes !== fileHeaderBytes && bytes !== reserveBytes;
    if (operation === 'write') isFull = !isFull && isRecord && random.below(bytes > 60_000 ? 2 : 8) === 0;
    if (isFull && operation === foundBy) throw fault('ENOSPC', 'no room');
  };
  return { before };
}

/** What `method` does is there, and no journal hears of it. */
function forgetAuth({ auth }: EngineHost, method: 'addUser' | 'changePassword'): void {
  const silently = (...args: never[]) => {
    const entries: AuthEntry[] = [];
    const twin = new AuthStore({ onEntry: (entry) => entries.push(entry) });
    twin.restore([auth.checkpoint()]);
    (twin[method] as (...args: never[]) => void)(...args);
    auth.restore(entries);
  };
  Object.assign(auth, { [method]: silently });
}

function forgetAlarms({ alarms }: EngineHost): void {
  const activate = (alarm: Alarm) => alarms.restore([...alarms.list(AlarmType.none), alarm]);
  Object.assign(alarms, { activate });
}

function leaveOut(host: EngineHost, type: JournalEntry['type']): void {
  const whole = host.checkpoint.bind(host);
  host.checkpoint = function* checkpoint() {
    for (const entry of whole()) if (entry.type !== type) yield entry;
  };
}

const fullDisk = fullNowAndThen();

describe('a power cut', () => {
  it(`takes nothing that was acknowledged or told, and invents nothing (${statesAsked} states)`, async () => {
    const result = await states(statesAsked);
    expect(result.violations.slice(0, 5)).toEqual([]);
    expect(result.states).toBeGreaterThanOrEqual(statesAsked);
    // Else it would prove little.
    expect(result.cut).toBeGreaterThan(result.states / 50);
    expect(result.checkpointed).toBeGreaterThan(result.states / 10);
  });

  it.each(['write', 'sync'] as const)(
    'takes nothing when the disk is full again and again, found by a %s, and there is room again',
    async (foundBy) => {
      const result = await states(2_000, fullNowAndThen(foundBy));
      expect(result.violations.slice(0, 5)).toEqual([]);
      expect(result.states).toBeGreaterThanOrEqual(2_000);
    },
  );

  it.each<[string, (random: Prng) => Promise<TrialResult>]>([
    ['kill -9', (random) => killTrial(random, operationsPerTrial)],
    [
      'kill -9 on a disk that is full now and then',
      (random) => killTrial(random, operationsPerTrial, { faults: fullDisk }),
    ],
    ['a failed sync', (random) => failedSyncTrial(random, operationsPerTrial)],
  ])(`after %s and a restart takes nothing that either process has told (${statesAsked} states)`, async (_, trial) => {
    const result = await statesOf(statesAsked, trial);
    expect(result.violations.slice(0, 5)).toEqual([]);
    expect(result.states).toBeGreaterThanOrEqual(statesAsked);
  });

  it('after a restart with syncs takes nothing of what was found, though it was written without', async () => {
    const result = await statesOf(2_000, (random) => killTrial(random, operationsPerTrial, { isFirstUnsynced: true }));
    expect(result.violations.slice(0, 5)).toEqual([]);
    expect(result.checkpointed).toBeGreaterThan(result.states / 10);
  });

  it('brings nothing back of an unfinished record that was cut off, however long it is', async () => {
    const disk = new CrashFs();
    const { host } = await openOn(disk);
    host.put({ key: utf8('a'), value: Buffer.alloc(300_000, 'x') });
    await host.committed();
    const [[name, log]] = [...disk.files()] as [[string, Buffer]];
    log.fill(0, 1_024, 1_536);
    const again = new CrashFs({}, new Map([[name, log]]));
    expect((await openOn(again)).cutBytes).toBeGreaterThan(300_000);
    for (const drawn of [0, 1]) expect(again.crash(() => drawn).get(name)).toHaveLength(fileHeaderBytes);
  });

  it('after kill -9 would be seen to take something that was read, and told, before it was synced', async () => {
    const { violations } = await statesOf(2_000, (random) =>
      killTrial(random, operationsPerTrial, { opensUnsynced: true }),
    );
    expect(violations.join('\n')).toMatch(/acknowledged|does not open/);
  });

  it.each<[string, CrashFsFaults, RegExp]>([
    [
      'a full disk that nobody notices',
      { ...fullNowAndThen(), failedWritesAreSilent: true },
      /acknowledged|does not open/,
    ],
    ['an acknowledgement before the sync', { syncDoesNothing: true }, /acknowledged|does not open/],
    ['a directory that is not synced', { syncDirDoesNothing: true }, /acknowledged|does not open/],
  ])('would be seen to take something with %s', async (_, faults, message) => {
    const { violations } = await states(300, faults);
    expect(violations.length).toBeGreaterThan(0);
    expect(violations.join('\n')).toMatch(message);
  });

  it.each<[string, Sabotage]>([
    ['a new user that is not in the log', (host) => forgetAuth(host, 'addUser')],
    ['a new password that is not in the log', (host) => forgetAuth(host, 'changePassword')],
    ['an alarm that is not in the log', forgetAlarms],
    ['users that are not in the checkpoint', (host) => leaveOut(host, 'auth')],
    ['alarms that are not in the checkpoint', (host) => leaveOut(host, 'alarms')],
  ])('would be seen to take something with %s', async (_, sabotage) => {
    const { violations } = await states(4_000, {}, sabotage);
    expect(violations.join('\n')).toMatch(/invented|acknowledged/);
  });
});
