import { createHash } from 'node:crypto';
import { utf8 } from '../../../src/core/bytes.js';
import { ConclaveError } from '../../../src/core/errors.js';
import type { Runtime } from '../../../src/core/runtime.js';
import { AlarmType } from '../../../src/engine/alarm-set.js';
import type { AuthStore } from '../../../src/engine/auth/auth-store.js';
import type { EngineHost } from '../../../src/engine/engine-host.js';
import type { Prng } from '../../../src/sim/prng.js';
import { SimRuntime } from '../../../src/sim/sim-runtime.js';
import { type DurableHost, openLocked } from '../../../src/storage/durable-host.js';
import { writeEntry } from '../../../src/storage/entry-codec.js';
import type { Fs } from '../../../src/storage/fs.js';
import type { AuthChange, AuthEntry } from '../../../src/store/auth-journal.js';
import { Writer } from '../../../src/wire/codec/writer.js';
import { CrashFs, type CrashFsFaults, fault } from './crash-fs.js';
import { ProcessFs } from './process-fs.js';

/** What a power cut left, and what the store had said by then. */
interface CrashState {
  readonly files: ReadonlyMap<string, Buffer>;
  /** The store as of this many operations has been acknowledged or shown; as of so many it may be there. */
  readonly acknowledged: number;
  readonly done: number;
}

export interface TrialResult {
  /** States that were judged. */
  readonly states: number;
  /** Among them: with an unfinished write to cut off, and with a checkpoint. */
  readonly cut: number;
  readonly checkpointed: number;
  /** What was wrong, in words; empty for a correct store. */
  readonly violations: string[];
}

/** A fault to plant in a host before anything happens to it. */
export type Sabotage = (host: EngineHost) => void;

/** Small, so that a trial passes several of them. */
const checkpointBytes = 4_000;
/** More than what waits at any time. */
export const reserveBytes = 5_000;
const keys = ['a', 'b', 'c', 'd', 'e'];

export function openOn(
  fs: Fs,
  bytes = checkpointBytes,
  runtime: Runtime = new SimRuntime(),
  reserveBytes = 0,
): Promise<DurableHost> {
  return openLocked({ runtime, dir: '/data', fs, checkpointBytes: bytes, reserveBytes });
}

/** Stands for all that a host holds. */
export function digest({ engine, auth, alarms }: EngineHost): string {
  const entries = [...engine.checkpoint()];
  const leases = entries.flatMap((entry) => (entry.type === 'leaseGranted' ? [`${entry.id} ${entry.ttlS}`] : []));
  const writer = new Writer();
  // Not by the host's own checkpoint, which is on trial.
  writeEntry(writer, { type: 'auth', entry: sorted(auth.checkpoint()) });
  writeEntry(writer, { type: 'alarms', raised: alarms.list(AlarmType.none) });
  for (const entry of entries) if (entry.type !== 'leaseGranted') writeEntry(writer, entry);
  const hash = createHash('sha1').update(leases.sort().join()).update(writer.finish());
  return hash.update(`${engine.space.revision} ${engine.space.compactRevision}`).digest('hex');
}

/**
 * Runs operations on a store whose disk may stop at any of its steps, draws states in which a power cut there can leave
 * it, and opens each: what was acknowledged, or told to a watcher, must be there; what is there must have happened.
 */
export async function crashTrial(
  random: Prng,
  operations: number,
  faults: CrashFsFaults = {},
  sabotage: Sabotage = () => {},
): Promise<TrialResult> {
  const draw = (below: number) => random.below(below);
  const disk = new CrashFs(faults);
  const course = newCourse();
  await run(disk, new ProcessFs(disk), draw, operations, course, sabotage);
  return judgeAll(course, draw);
}

export interface KillTrialOptions {
  readonly faults?: CrashFsFaults;
  /** The process that is killed, or closed, syncs nothing: of what it says only what the next has found is promised. */
  readonly isFirstUnsynced?: boolean;
  /** To plant. */
  readonly opensUnsynced?: boolean;
}

/**
 * The same for a process that goes on where another was killed, at any step of the disk: what it has read, and so shows
 * to everybody, must survive a power cut as well.
 */
export async function killTrial(
  random: Prng,
  operations: number,
  { faults, isFirstUnsynced = false, opensUnsynced = false }: KillTrialOptions = {},
): Promise<TrialResult> {
  const draw = (below: number) => random.below(below);
  const disk = new CrashFs(faults);
  const first = new ProcessFs(disk);
  first.syncsNothing = isFirstUnsynced;
  const course = await runUntilKilled(disk, first, draw, operations);
  const process = new ProcessFs(disk);
  process.syncsNothing = opensUnsynced;
  await run(disk, process, draw, 3, course, () => {
    process.syncsNothing = false;
    if (isFirstUnsynced) course.crashes.length = 0;
  });
  return judgeAll(course, draw);
}

/** The same where a sync of the first process fails, any of them, which ends it. */
export async function failedSyncTrial(random: Prng, operations: number): Promise<TrialResult> {
  const draw = (below: number) => random.below(below);
  let left = 1 + draw(operations * 2);
  const before = (operation: string) => {
    if (operation === 'sync' && --left === 0) throw fault('EIO', 'the disk does not answer');
  };
  const disk = new CrashFs({ before });
  const first = new ProcessFs(disk);
  const course = newCourse();
  await run(disk, first, draw, operations, course).catch((error: unknown) => {
    if (left > 0) throw error;
  });
  first.kill();
  left = 0;
  await run(disk, new ProcessFs(disk), draw, 3, course);
  return judgeAll(course, draw);
}

/** What has happened to a store, and the states of its disk to judge. */
interface Course {
  /** Of the store after each operation; of one that was opened, as it was found. */
  readonly digests: string[];
  readonly crashes: CrashState[];
  /** As in `CrashState`, as of now. */
  acknowledged: number;
  readonly violations: string[];
}

function newCourse(): Course {
  return { digests: [], crashes: [], acknowledged: 0, violations: [] };
}

async function runUntilKilled(
  disk: CrashFs,
  process: ProcessFs,
  draw: (below: number) => number,
  operations: number,
): Promise<Course> {
  const course = newCourse();
  const running = run(disk, process, draw, operations, course);
  let left = 1 + draw(operations * 3);
  const killed = new Promise<Course>((resolve) => {
    disk.onOperation = () => {
      left -= 1;
      if (left !== 0) return;
      process.kill();
      // What it still does in its memory nobody hears of.
      resolve({ ...course, digests: [...course.digests] });
    };
  });
  return Promise.race([killed, running.then(() => course)]);
}

async function judgeAll(course: Course, draw: (below: number) => number): Promise<TrialResult> {
  const { digests, crashes } = course;
  const violations = [...course.violations];
  let cut = 0;
  for (const state of crashes) {
    const judged = await judge(state, digests, draw);
    if (judged.wrong !== undefined) violations.push(judged.wrong);
    if (judged.cutBytes > 0) cut += 1;
  }
  const checkpointed = crashes.filter(({ files }) => [...files.keys()].some((name) => name.endsWith('.checkpoint')));
  return { states: crashes.length, cut, checkpointed: checkpointed.length, violations };
}

async function run(
  disk: CrashFs,
  process: ProcessFs,
  draw: (below: number) => number,
  operations: number,
  course: Course,
  sabotage: Sabotage = () => {},
): Promise<void> {
  const { digests, crashes } = course;
  const saw = (count: number) => {
    course.acknowledged = Math.max(course.acknowledged, count);
  };
  const cutPower = () => {
    const { acknowledged } = course;
    for (let i = 0; i < 2; i++) crashes.push({ files: disk.crash(draw), acknowledged, done: digests.length });
  };
  disk.onOperation = cutPower;
  const opened = await openOn(process, checkpointBytes, new SimRuntime(), reserveBytes).catch(unlessFull);
  if (opened === undefined) return;
  const { host, failure, close } = opened;
  const unlessFailed = (error: unknown) => {
    if (!failure.aborted) unlessFull(error);
  };
  const found = digest(host);
  const isNew = digests.length === 0;
  if (!isNew && !allowed(digests, course.acknowledged, digests.length).includes(found)) {
    course.violations.push('kill -9 alone took something, or invented it');
  }
  await host.regainRoom();
  sabotage(host);
  // From now on everybody may see it.
  digests.push(digest(host));
  saw(digests.length);
  if (!isNew) cutPower();
  // The store raises an alarm of its own accord too.
  let isOperating = false;
  const activate = host.alarms.activate.bind(host.alarms);
  host.alarms.activate = (alarm) => {
    const raised = activate(alarm);
    if (!isOperating) digests.push(digest(host));
    return raised;
  };
  const firstWith = new Map<bigint, number>();
  const watch = {
    onEvents: (_: unknown, revision: bigint) => saw(firstWith.get(revision) ?? 0),
    onCompacted: () => {},
  };
  host.watch({ key: utf8('\0'), rangeEnd: utf8('\0') }, watch).resume();
  for (let i = 0; i < operations && !failure.aborted; i++) {
    await host.regainRoom();
    isOperating = true;
    operate(host, draw);
    isOperating = false;
    digests.push(digest(host));
    const count = digests.length;
    const { revision } = host.stats();
    if (!firstWith.has(revision)) firstWith.set(revision, count);
    const kept = (host.committed() ?? Promise.resolve()).then(() => saw(count)).catch(unlessFailed);
    if (draw(3) > 0) await kept;
  }
  await close().catch(unlessFailed);
}

/** A disk may be full twice in a row, at the start, and at the end. */
function unlessFull(error: unknown): undefined {
  const { code, cause } = error as { readonly code?: string; readonly cause?: { readonly code?: string } };
  if (code !== 'ENOSPC' && cause?.code !== 'ENOSPC') throw error;
}

/** What may be there; before the first answer that may be nothing yet. */
function allowed(digests: readonly string[], acknowledged: number, done: number): readonly string[] {
  return digests.slice(Math.max(0, acknowledged - 1), done);
}

/** Users and roles in the order of their names: a map has them in the order in which they came. */
function sorted({ revision, changes }: AuthEntry): AuthEntry {
  const nameOf = (change: AuthChange) =>
    change.type === 'userSet' ? `u${change.user.name}` : change.type === 'roleSet' ? `r${change.role.name}` : '';
  return { revision, changes: [...changes].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) };
}

/** One random operation; one that the host refuses has changed nothing. */
export function operate(host: EngineHost, draw: (below: number) => number): void {
  const key = utf8(keys[draw(keys.length)] as string);
  const lease = BigInt(1 + draw(3));
  try {
    // For as long as one is raised, little else is done.
    if (draw(4) === 0) takeBackAlarms(host);
    const kind = draw(30);
    if (kind < 10) host.put({ key, value: Buffer.alloc(draw(4) === 0 ? draw(3_000) : draw(60), draw(2) * 120) });
    else if (kind < 13) host.put({ key, value: utf8('leased'), lease });
    else if (kind < 15) host.deleteRange({ key, rangeEnd: utf8('d') });
    else if (kind < 17) host.leaseGrant({ id: lease, ttl: 1_000n });
    else if (kind < 18) host.leaseRevoke({ id: lease });
    else if (kind < 20) host.compact({ revision: host.stats().revision - BigInt(draw(3)) });
    else if (kind < 25) administer(host.auth, draw);
    else host.alarms.activate({ memberId: lease, type: AlarmType.noSpace });
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
  }
}

function takeBackAlarms({ alarms }: EngineHost): void {
  for (const alarm of alarms.list(AlarmType.none)) alarms.deactivate(alarm);
}

function administer(auth: AuthStore, draw: (below: number) => number): void {
  const name = ['root', 'alice', 'bob'][draw(3)] as string;
  const passwordHash = Buffer.alloc(60, draw(120));
  const permission = { permType: draw(3), key: utf8(keys[draw(3)] as string), rangeEnd: utf8('z') };
  const steps = [
    () => auth.addUser({ name, passwordHash, noPassword: draw(4) === 0 }),
    () => auth.changePassword(name, passwordHash),
    () => auth.addRole(name),
    () => auth.grantRole(name, name),
    () => auth.grantPermission(name, permission),
    () => auth.revokePermission(name, permission),
    () => auth.revokeRole(name, name),
    () => (draw(3) === 0 ? auth.deleteUser(name) : auth.enable()),
    () => (draw(3) === 0 ? auth.deleteRole(name) : auth.enable()),
    () => auth.disable(),
  ];
  (steps[draw(steps.length)] as () => void)();
}

async function judge(
  { files, acknowledged, done }: CrashState,
  digests: readonly string[],
  draw: (below: number) => number,
): Promise<{ readonly wrong?: string | undefined; readonly cutBytes: number }> {
  const fs = new CrashFs({}, files);
  let opened: DurableHost;
  try {
    opened = await openOn(fs);
  } catch (error) {
    return { wrong: `does not open: ${(error as Error).message}`, cutBytes: 0 };
  }
  const { cutBytes } = opened;
  const found = digest(opened.host);
  const isEmpty = opened.host.stats().revision === 1n && acknowledged === 0;
  if (!allowed(digests, acknowledged, done).includes(found) && !isEmpty) {
    const at = digests.indexOf(found);
    const was = `has the state after ${at}, acknowledged ${acknowledged - 1}, done ${done - 1}`;
    return { wrong: at < 0 ? 'invented a state' : was, cutBytes };
  }
  return { wrong: draw(5) === 0 ? await goesOn(opened, fs, draw) : undefined, cutBytes };
}

/** After a recovery the next write survives the next power cut. */
async function goesOn(
  { host }: DurableHost,
  fs: CrashFs,
  draw: (below: number) => number,
): Promise<string | undefined> {
  takeBackAlarms(host);
  host.put({ key: utf8('after'), value: utf8('crash') });
  await host.committed();
  const expected = digest(host);
  try {
    const again = await openOn(new CrashFs({}, fs.crash(draw)));
    return digest(again.host) === expected ? undefined : 'lost what was written after a recovery';
  } catch (error) {
    return `does not open after a recovery: ${(error as Error).message}`;
  }
}
