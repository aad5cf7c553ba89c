import { join } from 'node:path';
import { encodeFileHeader, type FileHeader, fileHeaderBytes } from './file-header.js';
import { draftName } from './file-names.js';
import type { Fs, FsFile } from './fs.js';
import { encodeRecord, type RecordKind } from './record.js';

/** A file of records that is being written. After a failed write or sync it must not be used any more. */
export class LogFile {
  readonly path: string;
  readonly header: FileHeader;
  readonly #file: FsFile;
  #size: number;
  #sequence: number;

  constructor(path: string, header: FileHeader, file: FsFile, size: number, sequence: number) {
    this.path = path;
    this.header = header;
    this.#file = file;
    this.#size = size;
    this.#sequence = sequence;
  }

  get size(): number {
    return this.#size;
  }

  get nextSequence(): number {
    return this.#sequence;
  }

  async append(kind: RecordKind, payload: Uint8Array): Promise<void> {
    const bytes = encodeRecord(this.header.salt, this.#sequence, kind, payload);
    await this.#file.write(this.#size, bytes);
    this.#size += bytes.length;
    this.#sequence += 1;
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** A file that has nothing but its header, under the name of a draft. `sequence`: of its first record. */
export async function createDraft(
  fs: Fs,
  dir: string,
  name: string,
  header: FileHeader,
  sequence: number,
): Promise<LogFile> {
  const file = await fs.create(join(dir, draftName(name)));
  try {
    await file.write(0, encodeFileHeader(header));
  } catch (error) {
    await file.close();
    throw error;
  }
  return new LogFile(join(dir, name), header, file, fileHeaderBytes, sequence);
}

/** What was written to the draft of `name` takes its place: all of it, or nothing. */
export async function publishDraft(fs: Fs, dir: string, name: string, draft: LogFile): Promise<void> {
  await draft.sync();
  await fs.rename(join(dir, draftName(name)), join(dir, name));
  await fs.syncDir(dir);
}
