import { join } from 'node:path';
import { encodeFileHeader, type FileHeader, fileHeaderBytes } from './file-header.js';
import { draftName } from './file-names.js';
import type { Fs, FsFile, OpenOptions } from './fs.js';
import { encodeRecord, type RecordKind, recordHeaderBytes } from './record.js';
import { OutOfRoom, outOfRoom } from './storage-error.js';

/** Room that is made ahead of the records: as much as there are already, between these. Bytes. */
const minRoomBytes = 64 << 10;
const maxRoomBytes = 8 << 20;

/**
 * A file of records that is being written, in writes that are synced or not, as it was opened. After a failed sync, or
 * another failed write, it must not be used any more.
 */
export class LogFile {
  readonly path: string;
  readonly header: FileHeader;
  readonly #file: FsFile;
  #size: number;
  /** Up to here the file has been written, with zeros behind the records. */
  #room: number;
  #sequence: number;

  constructor(path: string, header: FileHeader, file: FsFile, size: number, sequence: number) {
    this.path = path;
    this.header = header;
    this.#file = file;
    this.#size = size;
    this.#room = size;
    this.#sequence = sequence;
  }

  get size(): number {
    return this.#size;
  }

  get nextSequence(): number {
    return this.#sequence;
  }

  /**
   * Rejects with `OutOfRoom` on a full disk: then the same record may be appended again. Nothing is left of the first
   * try: blocks that a failed sync was the first to write ext4 reads as zeros after a power cut, though written again.
   */
  async append(kind: RecordKind, payload: Uint8Array): Promise<void> {
    const bytes = encodeRecord(this.header.salt, this.#sequence, kind, payload);
    try {
      await this.#file.write(this.#size, bytes);
    } catch (error) {
      const failure = outOfRoom(error);
      if (failure instanceof OutOfRoom) await this.#file.truncate(this.#size);
      throw failure;
    }
    this.#size += bytes.length;
    this.#room = Math.max(this.#room, this.#size);
    this.#sequence += 1;
  }

  /**
   * Makes room for a record of `length` bytes and more to come, by zeros behind the last: a sync of bytes that replace
   * others need not wait for the file system's own journal, as one that makes the file longer does. Where there is no
   * room to be had the record has to fit without. `trim` gives back what is left.
   */
  async makeRoom(length: number): Promise<void> {
    const needed = this.#size + recordHeaderBytes + length;
    if (needed <= this.#room) return;
    const from = this.#room;
    this.#room = needed + Math.min(Math.max(this.#size, minRoomBytes), maxRoomBytes);
    try {
      await this.#file.write(from, Buffer.alloc(this.#room - from));
    } catch (error) {
      if (!(outOfRoom(error) instanceof OutOfRoom)) throw error;
      await this.#file.truncate(from);
    }
  }

  /** Ends the file where its records end. Needs a `sync`. */
  async trim(): Promise<void> {
    if (this.#room > this.#size) await this.#file.truncate(this.#size);
    this.#room = this.#size;
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * A file that has nothing but its header, under the name of a draft. `sequence`: of its first record. Rejects with
 * `OutOfRoom`, and leaves no draft, on a full disk.
 */
export async function createDraft(
  fs: Fs,
  dir: string,
  name: string,
  header: FileHeader,
  sequence: number,
  options?: OpenOptions,
): Promise<LogFile> {
  const file = await fs.create(join(dir, draftName(name)), options).catch((error: unknown) => {
    throw outOfRoom(error);
  });
  try {
    await file.write(0, encodeFileHeader(header));
  } catch (error) {
    await file.close();
    throw outOfRoom(error);
  }
  return new LogFile(join(dir, name), header, file, fileHeaderBytes, sequence);
}

/** The draft of `name`, which is on disk, takes its place: all of it, or nothing. */
export async function publishDraft(fs: Fs, dir: string, name: string): Promise<void> {
  await fs.rename(join(dir, draftName(name)), join(dir, name));
  await fs.syncDir(dir);
}
