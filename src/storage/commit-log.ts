import { join } from 'node:path';
import type { ConclaveError } from '../core/errors.js';
import type { JournalEntry } from '../engine/journal.js';
import { Batch } from './batch.js';
import { writeCheckpoint } from './checkpoint.js';
import { type FileHeader, FileKind } from './file-header.js';
import { checkpointName, draftName, logName, storeFile } from './file-names.js';
import type { Fs } from './fs.js';
import { createDraft, type LogFile, publishDraft } from './log-file.js';
import { RecordKind } from './record.js';
import type { Reserve } from './reserve.js';
import { ioError, OutOfRoom } from './storage-error.js';
import type { Turn } from './turn.js';

export interface CommitLogOptions {
  readonly fs: Fs;
  readonly dir: string;
  /** Draws the salt of a file. */
  readonly drawSalt: () => number;
  /** The journal that makes the store as it is now, whatever happens later. */
  readonly checkpoint: () => Iterable<JournalEntry>;
  /** Everything up to this revision is on disk. */
  readonly onKept: (revision: bigint) => void;
  /** A write or sync has failed; told once, and nothing is written any more. */
  readonly onFailure: (error: ConclaveError) => void;
  /** What a full disk leaves to write in. */
  readonly reserve: Reserve;
  /** The disk was found full; what was to be written is, or will be, in the reserve. */
  readonly onOutOfRoom: () => void;
  /** A checkpoint is due when the logs since the last one are longer than both this and it. Bytes. */
  readonly checkpointBytes: number;
  /** Undefined: its syncs leave others their turn. */
  readonly turn?: Turn | undefined;
}

/**
 * Brings entries to disk: one synced write is under way, and what comes meanwhile goes with the next. Nothing is
 * tried again after a failure: what a failed sync has left in the caches nobody knows (PostgreSQL's fsync bug of 2018).
 * Only what found the disk full is cut off and written again, once, in the room of the reserve.
 */
export class CommitLog {
  readonly #options: CommitLogOptions;
  /** Its writes are synced. */
  #file: LogFile;
  /** Of the last checkpoint, and of the logs since, without `#file`. */
  #lastCheckpointBytes: number;
  #olderBytes: number;
  /** Not yet on disk; the first is being written if `#running`. */
  readonly #batches: Batch[] = [];
  #running: Promise<void> | undefined;
  #checkpointing: Promise<void> | undefined;
  #failure: ConclaveError | undefined;
  #closing = false;
  /** There was no room for a checkpoint, and nothing has happened since that could change that. */
  #checkpointMustWait = false;

  constructor(options: CommitLogOptions, file: LogFile, sizes: { checkpointBytes: number; logBytes: number }) {
    this.#options = options;
    this.#file = file;
    this.#lastCheckpointBytes = sizes.checkpointBytes;
    this.#olderBytes = sizes.logBytes - file.size;
  }

  append(entry: JournalEntry): void {
    if (this.#failure !== undefined) return;
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.sealed) {
      batch = new Batch();
      this.#batches.push(batch);
    }
    batch.add(entry);
    if (entry.type === 'compacted' || entry.type === 'alarms') this.#checkpointMustWait = false;
    this.#running ??= this.#run();
  }

  /** Settles when everything appended before is on disk; undefined if it is. */
  committed(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#batches.at(-1)?.kept.promise;
  }

  /** Writes what is left, and that nothing was left over. Rejects if that fails. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#running;
    await this.#checkpointing;
    try {
      if (this.#failure !== undefined) return;
      await this.#append(RecordKind.closed, new Uint8Array(0));
      await this.#file.trim();
      await this.#file.sync();
    } catch (error) {
      throw ioError(`writing ${this.#file.path} failed`, error);
    } finally {
      await this.#file.close();
    }
  }

  async #run(): Promise<void> {
    try {
      // Bounded by what is appended.
      while (this.#batches.length > 0) {
        // Never within a call of the engine, and with all that comes besides.
        await this.#options.turn?.mine(this.#checkpointing !== undefined);
        if (this.#failure !== undefined) return;
        if (this.#isCheckpointDue()) await this.#rotate();
        else await this.#flush();
      }
    } catch (error) {
      this.#fail(ioError(`writing ${this.#file.path} failed`, error));
    } finally {
      this.#running = undefined;
    }
  }

  async #flush(): Promise<void> {
    const batch = this.#batches[0] as Batch;
    const payload = batch.seal();
    await this.#file.makeRoom(payload.length);
    await this.#append(RecordKind.batch, payload);
    this.#batches.shift();
    // Watchers hear of a revision before its writer does.
    if (batch.revision !== undefined) this.#options.onKept(batch.revision);
    batch.kept.resolve();
  }

  async #append(kind: RecordKind, payload: Uint8Array): Promise<void> {
    try {
      await this.#file.append(kind, payload);
    } catch (error) {
      if (!(error instanceof OutOfRoom && (await this.#options.reserve.spend()))) throw error;
      this.#options.onOutOfRoom();
      await this.#file.append(kind, payload);
    }
  }

  #isCheckpointDue(): boolean {
    if (this.#checkpointing !== undefined || this.#closing || this.#checkpointMustWait) return false;
    const bytes = this.#olderBytes + this.#file.size;
    return bytes > Math.max(this.#options.checkpointBytes, this.#lastCheckpointBytes);
  }

  /** What the engine holds at this moment is the checkpoint; what comes after goes to a new log. */
  async #rotate(): Promise<void> {
    const entries = this.#options.checkpoint();
    const queued = this.#batches.length;
    for (const batch of this.#batches) batch.sealed = true;
    for (let done = 0; done < queued; done++) await this.#flush();
    const old = this.#file;
    // A log after which another is begun ends with its last record.
    await old.trim();
    await old.sync();
    const number = old.header.number + 1;
    const header = { ...old.header, number, firstSequence: old.nextSequence, previousSize: old.size };
    try {
      this.#file = await createLog(this.#options, header);
    } catch (error) {
      await this.#giveUpCheckpoint(error, logName(number));
      return;
    }
    this.#olderBytes += old.size;
    await old.close();
    this.#checkpointing = this.#checkpoint(this.#file.header, entries).finally(() => {
      this.#checkpointing = undefined;
    });
  }

  async #checkpoint(header: FileHeader, entries: Iterable<JournalEntry>): Promise<void> {
    const { fs, dir, drawSalt } = this.#options;
    const stopped = () => this.#closing || this.#failure !== undefined;
    const name = checkpointName(header.number);
    try {
      const write = () => writeCheckpoint(fs, dir, { ...header, salt: drawSalt() }, entries, stopped);
      const size = await write().catch((error: unknown) => this.#giveUpCheckpoint(error, name));
      if (size === undefined) return;
      if (size === 0) {
        if (this.#failure === undefined) await fs.remove(join(dir, draftName(name)));
        return;
      }
      this.#lastCheckpointBytes = size;
      this.#olderBytes = 0;
      await removeBefore(fs, dir, header.number);
    } catch (error) {
      this.#fail(ioError(`writing a checkpoint in ${dir} failed`, error));
    }
  }

  /** For want of room: the logs stay as they are. Throws anything else. */
  async #giveUpCheckpoint(error: unknown, name: string): Promise<undefined> {
    if (!(error instanceof OutOfRoom) || this.#failure !== undefined) throw error;
    const { fs, dir, reserve, onOutOfRoom } = this.#options;
    // It may not even have been made.
    await fs.remove(join(dir, draftName(name))).catch(() => {});
    // Without a reserve the next write will end it all, and may be the one that gives room.
    if (reserve.isKept) onOutOfRoom();
    this.#checkpointMustWait = true;
    return undefined;
  }

  #fail(error: ConclaveError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const batch of this.#batches.splice(0)) batch.kept.reject(error);
    this.#options.onFailure(error);
  }
}

/** A new log that is there after a power cut too. */
export async function createLog(
  { fs, dir, drawSalt }: Pick<CommitLogOptions, 'fs' | 'dir' | 'drawSalt'>,
  header: Omit<FileHeader, 'kind' | 'salt'>,
): Promise<LogFile> {
  const name = logName(header.number);
  const whole = { ...header, kind: FileKind.log, salt: drawSalt() };
  const file = await createDraft(fs, dir, name, whole, header.firstSequence, { synced: true });
  try {
    await publishDraft(fs, dir, name);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/** What the checkpoint of log `number` has made superfluous. */
async function removeBefore(fs: Fs, dir: string, number: number): Promise<void> {
  for (const name of await fs.list(dir)) {
    const file = storeFile(name);
    if (file !== undefined && file.number < number) await fs.remove(join(dir, name));
  }
}
