import { resolve } from 'node:path';
import { ConclaveError } from '../core/errors.js';
import { type Runtime, randomHex, randomInt63 } from '../core/runtime.js';
import type { JournalEntry } from '../engine/journal.js';
import { writeCheckpoint } from './checkpoint.js';
import { createLog } from './commit-log.js';
import { isLockFile, lockDir } from './dir-lock.js';
import { FileKind } from './file-header.js';
import type { Fs } from './fs.js';
import { NodeFs } from './node-fs.js';
import { ioError } from './storage-error.js';

export interface CreateStoreOptions {
  readonly runtime: Runtime;
  /** Made if it is missing; must be empty. */
  readonly dir: string;
  /** Of this process, for whoever finds the directory in use. */
  readonly pid: number;
  readonly entries: Iterable<JournalEntry>;
}

/**
 * Makes the store in `dir` that a journal tells of, on disk when this resolves; its cluster and member are new ones.
 * Interrupted, it leaves a directory that `openDurableHost` refuses.
 * @throws ConclaveError `FAILED_PRECONDITION`: there is something in the directory; `UNAVAILABLE`: the file system
 * refuses.
 */
export async function createStore({ runtime, dir: path, pid, entries }: CreateStoreOptions): Promise<void> {
  const dir = resolve(path);
  const fs = new NodeFs();
  try {
    await checkIsEmpty(fs, dir);
    await fs.makePrivateDir(dir);
    const lock = await lockDir(dir, pid, randomHex(runtime));
    try {
      await checkIsEmpty(fs, dir);
      await createLocked(runtime, fs, dir, entries);
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw ioError(`cannot make a store in ${dir}`, error);
  }
}

/** The same over any file system, in a directory that nobody else uses. */
export async function createLocked(
  runtime: Runtime,
  fs: Fs,
  dir: string,
  entries: Iterable<JournalEntry>,
): Promise<void> {
  const drawSalt = () => Number(randomInt63(runtime) & 0xffff_ffffn);
  const identity = { clusterId: randomInt63(runtime), memberId: randomInt63(runtime) };
  const header = { ...identity, number: 1, firstSequence: 1, previousSize: 0 };
  // First, since a log without it would be an empty store.
  const checkpoint = { ...header, kind: FileKind.checkpoint, salt: drawSalt() };
  await writeCheckpoint(fs, dir, checkpoint, entries, () => false);
  const log = await createLog({ fs, dir, drawSalt }, header);
  await log.close();
}

async function checkIsEmpty(fs: Fs, dir: string): Promise<void> {
  const names = await fs.list(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found = names.find((name) => name !== 'lost+found' && !isLockFile(name));
  if (found === undefined) return;
  const why = `${dir} is not empty: it holds ${JSON.stringify(found)}; name a new directory`;
  throw new ConclaveError('FAILED_PRECONDITION', why);
}
