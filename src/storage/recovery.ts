import { join } from 'node:path';
import type { JournalEntry } from '../engine/journal.js';
import { Reader } from '../wire/codec/reader.js';
import { readEntries } from './entry-codec.js';
import { decodeFileHeader, type FileHeader, FileKind, fileHeaderBytes } from './file-header.js';
import { checkpointName, logName, type StoreFile, storeFile } from './file-names.js';
import type { Fs, FsFile } from './fs.js';
import { RecordKind, recordHeaderBytes } from './record.js';
import { type RecordFound, RecordReader } from './record-reader.js';
import { damaged } from './storage-error.js';

/** What a data directory holds. */
export interface Recovered {
  /** Files below it are superfluous. */
  readonly firstNumber: number;
  /** The log to go on with. */
  readonly last: { readonly header: FileHeader; readonly size: number; readonly nextSequence: number };
  /** Size of the checkpoint, and of all logs since. */
  readonly checkpointBytes: number;
  readonly logBytes: number;
  /** Bytes of a write that was never acknowledged, which were cut off. */
  readonly cutBytes: number;
}

export type Identity = Pick<FileHeader, 'clusterId' | 'memberId'>;

/** Is given the entries of one record; nothing of them may be kept, since their bytes will be others'. */
export type TakeEntries = (entries: readonly JournalEntry[]) => void;

const restoreHint = 'Restore the directory from a backup';
/** A running store has a log before it has a checkpoint. */
const redo = 'Remove the directory and restore the snapshot again.';

/**
 * The store of a directory; undefined if it holds none yet.
 * @throws ConclaveError `FAILED_PRECONDITION` naming file and offset where something is damaged or missing.
 */
export async function findStore(fs: Fs, dir: string): Promise<FoundStore | undefined> {
  const files = (await fs.list(dir)).flatMap((name) => storeFile(name) ?? []);
  const logs = files.filter(({ type }) => type === 'log').sort((a, b) => a.number - b.number);
  const checkpoint = newest(files.filter(({ type }) => type === 'checkpoint'));
  if (logs.length === 0 && checkpoint === undefined) {
    const begun = files.find(({ name }) => name.endsWith('.checkpoint.draft'));
    if (begun !== undefined) throw damaged(join(dir, begun.name), 0, 'a store was being made, and is not whole', redo);
    return undefined;
  }
  return new FoundStore(fs, dir, logs, checkpoint);
}

function newest(files: readonly StoreFile[]): StoreFile | undefined {
  return files.reduce<StoreFile | undefined>((a, b) => (a === undefined || b.number > a.number ? b : a), undefined);
}

/** The newest checkpoint and the logs since. */
export class FoundStore {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #logs: readonly StoreFile[];
  readonly #checkpoint: StoreFile | undefined;
  #take: TakeEntries = () => {};
  #cutBytes = 0;
  #logBytes = 0;

  constructor(fs: Fs, dir: string, logs: readonly StoreFile[], checkpoint: StoreFile | undefined) {
    this.#fs = fs;
    this.#dir = dir;
    this.#logs = logs;
    this.#checkpoint = checkpoint;
  }

  /** Every file of it says the same. */
  identity(): Promise<Identity> {
    const { name } = (this.#checkpoint ?? this.#logs[0]) as StoreFile;
    return this.#withFile(name, async (_file, _size, { clusterId, memberId }) => ({ clusterId, memberId }));
  }

  /**
   * Reads all of it, a record at a time, and syncs it: a process before this one may have been killed before it did, or
   * not have synced at all, and from now on it is shown. Cuts off a last write that did not finish. Called once.
   */
  async replay(take: TakeEntries): Promise<Recovered> {
    // Names first: a log whose name is lost takes with it what is appended to it.
    await this.#fs.syncDir(this.#dir);
    this.#take = take;
    const [logs, checkpoint] = [this.#logs, this.#checkpoint];
    const first = checkpoint?.number ?? 1;
    const last = logs.at(-1)?.number ?? 0;
    const start = checkpoint === undefined ? undefined : await this.#readCheckpoint(checkpoint.name);
    let before: { header: FileHeader; end: number; nextSequence: number } | undefined;
    // Bounded by the number of the last log; at least one log belongs to a store.
    for (let number = first; number <= Math.max(first, last); number++) {
      const name = logName(number);
      if (!logs.some((each) => each.number === number)) throw this.#missing(name);
      const next = logs.find((each) => each.number === number + 1);
      const log = await this.#readLog(name, number, next);
      const expected = before?.nextSequence ?? start?.header.firstSequence ?? 1;
      if (log.header.firstSequence !== expected) throw this.#foreign(name);
      before = log;
    }
    const end = before as NonNullable<typeof before>;
    return {
      firstNumber: first,
      last: { header: end.header, size: end.end, nextSequence: end.nextSequence },
      checkpointBytes: start?.size ?? 0,
      logBytes: this.#logBytes,
      cutBytes: this.#cutBytes,
    };
  }

  async #readCheckpoint(name: string): Promise<{ header: FileHeader; size: number }> {
    return this.#withFile(name, async (file, size, header) => {
      if (header.kind !== FileKind.checkpoint || checkpointName(header.number) !== name) throw this.#foreign(name);
      const reader = new RecordReader(file, size, header.salt, fileHeaderBytes, 1);
      // Bounded by the size of the file.
      for (let found = await reader.next(); found !== undefined; found = await reader.next()) {
        if (found.kind === RecordKind.end && reader.offset === size) {
          await file.sync();
          return { header, size };
        }
        this.#replay(name, found, RecordKind.part);
      }
      throw damaged(join(this.#dir, name), reader.offset, 'the checkpoint is not whole there', `${restoreHint}.`);
    });
  }

  async #readLog(
    name: string,
    number: number,
    next: StoreFile | undefined,
  ): Promise<{ header: FileHeader; end: number; nextSequence: number }> {
    return this.#withFile(name, async (file, size, header) => {
      if (header.kind !== FileKind.log || header.number !== number) throw this.#foreign(name);
      const reader = new RecordReader(file, size, header.salt, fileHeaderBytes, header.firstSequence);
      let lastAt = reader.offset;
      // Bounded by the size of the file.
      for (let found = await reader.next(); found !== undefined; found = await reader.next()) {
        if (found.kind !== RecordKind.closed) this.#replay(name, found, RecordKind.batch);
        lastAt = reader.offset - recordHeaderBytes - found.length;
      }
      const end = reader.offset;
      if (next !== undefined) await this.#checkEnd(name, end, size, next);
      else if (end < size) await this.#cut(name, file, reader);
      // Its sync may have failed: then it is in the caches alone, and no sync writes it unless it is written again.
      if (next === undefined) await file.write(lastAt, await file.read(lastAt, end - lastAt));
      await file.sync();
      this.#logBytes += end;
      return { header, end, nextSequence: reader.nextSequence };
    });
  }

  /** A log after which another was begun has to be whole, and ends with its last record. */
  async #checkEnd(name: string, end: number, size: number, next: StoreFile): Promise<void> {
    const { previousSize } = await this.#withFile(next.name, async (_file, _size, header) => header);
    if (previousSize === end && end === size) return;
    throw damaged(join(this.#dir, name), end, `${previousSize} bytes were written`, `${restoreHint}.`);
  }

  async #cut(name: string, file: FsFile, reader: RecordReader): Promise<void> {
    const path = join(this.#dir, name);
    if ((await reader.rest()) === 'damage') {
      const giveUp = `or give up everything from there on with \`truncate -s ${reader.offset} ${path}\``;
      throw damaged(path, reader.offset, 'a record that was once whole cannot be read', `${restoreHint}, ${giveUp}.`);
    }
    this.#cutBytes = (await reader.filledUntil()) - reader.offset;
    await file.truncate(reader.offset);
  }

  #replay(name: string, { kind, payload, sequence }: RecordFound, expected: RecordKind): void {
    const entries: JournalEntry[] = [];
    try {
      if (kind !== expected) throw new Error(`a record of kind ${kind} is out of place`);
      readEntries(new Reader(payload), entries);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const hint = 'Its checksum is right: was it written by a newer version of Conclave?';
      throw damaged(join(this.#dir, name), 0, `record ${sequence}: ${why}`, hint);
    }
    this.#take(entries);
  }

  async #withFile<T>(name: string, fn: (file: FsFile, size: number, header: FileHeader) => Promise<T>): Promise<T> {
    const path = join(this.#dir, name);
    const file = await this.#fs.open(path);
    try {
      const header = decodeFileHeader(await file.read(0, fileHeaderBytes));
      if (typeof header === 'string') throw damaged(path, 0, header, `${restoreHint}.`);
      return await fn(file, await file.size(), header);
    } finally {
      await file.close();
    }
  }

  #missing(name: string) {
    return damaged(join(this.#dir, name), 0, 'the file is missing', `${restoreHint}.`);
  }

  #foreign(name: string) {
    const hint = 'Put back the files as they were, all of one store';
    return damaged(join(this.#dir, name), 0, 'it does not follow on the file before it', `${hint}.`);
  }
}
