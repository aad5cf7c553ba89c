import { join, resolve } from 'node:path';
import { ConclaveError } from '../core/errors.js';
import { type Runtime, randomHex, randomInt63 } from '../core/runtime.js';
import { AlarmType } from '../engine/alarm-set.js';
import { EngineHost, type EngineHostOptions } from '../engine/engine-host.js';
import { CommitLog, createLog } from './commit-log.js';
import { type DirLock, isLockFile, lockDir } from './dir-lock.js';
import { logName, storeFile } from './file-names.js';
import type { Fs } from './fs.js';
import { LogFile } from './log-file.js';
import { NodeFs } from './node-fs.js';
import { findStore, type Identity, type Recovered } from './recovery.js';
import { Reserve } from './reserve.js';
import { ioError } from './storage-error.js';
import { Turn } from './turn.js';

export interface DurableHostOptions
  extends Pick<EngineHostOptions, 'minLeaseTtlS' | 'maxTxnOps' | 'retainRevisions' | 'quotaBytes'> {
  readonly runtime: Runtime;
  /** Made if it is missing; must hold nothing but the store. */
  readonly dir: string;
  /** Of this process, for whoever finds the directory in use. */
  readonly pid: number;
  /** False: nothing is forced to disk; a power cut may take or spoil anything, `kill -9` nothing. Default: true. */
  readonly fsync?: boolean | undefined;
  /**
   * Callers come one by one, over sockets: without syncs, too, what comes at about the same time is to be written
   * together. Default: false.
   */
  readonly gather?: boolean | undefined;
  /** A checkpoint is written when the logs since the last are longer than this and than it. Default: 64 MiB. */
  readonly checkpointBytes?: number | undefined;
  /**
   * Room on the disk that is kept for when it is full. Then the alarm NOSPACE is raised, and only what frees room is
   * served until there is some and the alarm is taken back. Default: 0, none: then a full disk ends the store. Bytes.
   */
  readonly reserveBytes?: number | undefined;
}

/** An engine whose every effect is on disk before anybody hears of it. */
export interface DurableHost {
  readonly host: EngineHost;
  /**
   * Aborts when the disk has failed, with a `ConclaveError` as reason: the host is closed, and every waiting caller
   * has been told. What was acknowledged is on disk; open the store again when the cause is gone.
   */
  readonly failure: AbortSignal;
  /** What a last write that had not finished left behind, and was cut off. Bytes. */
  readonly cutBytes: number;
  /** Waits for what is under way, then gives the directory back. Idempotent. */
  close(): Promise<void>;
}

const defaultCheckpointBytes = 64 << 20;

/**
 * Opens the store in `dir`, and holds the directory until `close`.
 * @throws ConclaveError `FAILED_PRECONDITION`: in use by another process (named), damaged (with file and offset), or
 * no directory of a store; `UNAVAILABLE`: the file system refuses.
 */
export async function openDurableHost(options: DurableHostOptions): Promise<DurableHost> {
  const { runtime, pid } = options;
  const dir = resolve(options.dir);
  const fs = new NodeFs({ fsync: options.fsync });
  let lock: DirLock | undefined;
  try {
    await checkIsOurs(fs, dir);
    await fs.makePrivateDir(dir);
    lock = await lockDir(dir, pid, randomHex(runtime));
    const turn = options.fsync === false ? new Turn(options.gather === true) : undefined;
    const opened = await openLocked({ ...options, dir, fs, turn });
    return { ...opened, close: onceOnly(() => closeAll(opened, lock)) };
  } catch (error) {
    await lock?.release();
    throw ioError(`cannot open the store in ${dir}`, error);
  }
}

/** The same over any file system, for a directory that nobody else uses. */
export async function openLocked(
  options: Omit<DurableHostOptions, 'pid' | 'fsync' | 'gather'> & { readonly fs: Fs; readonly turn?: Turn | undefined },
): Promise<DurableHost> {
  const { runtime, dir, fs, checkpointBytes = defaultCheckpointBytes, reserveBytes = 0, turn } = options;
  const found = await findStore(fs, dir);
  const identity = (await found?.identity()) ?? { clusterId: randomInt63(runtime), memberId: randomInt63(runtime) };
  const { minLeaseTtlS, maxTxnOps, retainRevisions, quotaBytes } = options;
  const host: EngineHost = new EngineHost(runtime, {
    ...{ ...identity, minLeaseTtlS, maxTxnOps, retainRevisions, quotaBytes },
    holdEvents: true,
    onEntry: (entry) => log.append(entry),
    committed: () => log.committed(),
    regainRoom: () => reserve.fill(),
  });
  const recovered = await found?.replay((entries) => host.replay(entries));
  await removeLeftovers(fs, dir, recovered?.firstNumber ?? 0);
  const drawSalt = () => Number(randomInt63(runtime) & 0xffff_ffffn);
  const file = await lastLog({ fs, dir, drawSalt }, identity, recovered);
  const failure = new AbortController();
  const reserve = new Reserve(fs, dir, reserveBytes);
  const raiseNoSpace = () => {
    if (!host.closed) host.alarms.activate({ memberId: host.engine.header().memberId, type: AlarmType.noSpace });
  };
  const log = new CommitLog(
    {
      ...{ fs, dir, drawSalt, checkpointBytes, reserve, turn },
      onOutOfRoom: raiseNoSpace,
      checkpoint: () => host.checkpoint(),
      onKept: (revision) => host.releaseEvents(revision),
      onFailure: (error) => {
        host.close(error);
        failure.abort(error);
      },
    },
    file,
    recovered ?? { checkpointBytes: 0, logBytes: file.size },
  );
  host.resume();
  // Nobody waits for it: until it is there, a full disk ends the store.
  const reserving = reserve.fill().then(
    (isKept) => (isKept ? undefined : raiseNoSpace()),
    () => {},
  );
  const close = onceOnly(async () => {
    host.close();
    await reserving;
    await log.close();
  });
  return { host, failure: failure.signal, cutBytes: recovered?.cutBytes ?? 0, close };
}

async function lastLog(
  site: { readonly fs: Fs; readonly dir: string; readonly drawSalt: () => number },
  identity: Identity,
  recovered: Recovered | undefined,
): Promise<LogFile> {
  if (recovered === undefined) {
    return createLog(site, { ...identity, number: 1, firstSequence: 1, previousSize: 0 });
  }
  const { header, size, nextSequence } = recovered.last;
  const path = join(site.dir, logName(header.number));
  return new LogFile(path, header, await site.fs.open(path, { synced: true }), size, nextSequence);
}

/** Drafts that nobody will finish, and what a checkpoint has made superfluous. */
async function removeLeftovers(fs: Fs, dir: string, firstNumber: number): Promise<void> {
  for (const name of await fs.list(dir)) {
    const file = storeFile(name);
    if (file === undefined) continue;
    if (file.type === 'draft' || file.number < firstNumber) await fs.remove(join(dir, name));
  }
}

/** A directory with something else in it was named by mistake; it is not made private, nor written to. */
async function checkIsOurs(fs: Fs, dir: string): Promise<void> {
  const names = await fs.list(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const foreign = names.filter((name) => name !== 'lost+found' && !isLockFile(name));
  if (foreign.length === 0 || foreign.some((name) => storeFile(name) !== undefined)) return;
  throw new ConclaveError(
    'FAILED_PRECONDITION',
    `${dir} holds no store, but other files, as ${JSON.stringify(foreign[0])}: name a directory of its own`,
  );
}

async function closeAll(opened: { close(): Promise<void> }, lock: DirLock | undefined): Promise<void> {
  try {
    await opened.close();
  } finally {
    await lock?.release();
  }
}

function onceOnly(fn: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= fn();
    return done;
  };
}
