import { crc32 } from 'node:zlib';
import type { FsFile } from './fs.js';
import { decodeRecordHeader, type RecordHeader, recordHeaderBytes } from './record.js';

/** One record that is whole. */
export interface RecordFound extends RecordHeader {
  readonly payload: Buffer;
}

/** What stands where no whole record does. */
export type Rest = 'nothing' | 'unfinished' | 'damage';

/** Read at once; also how far a look for what follows damage reaches at once. */
const windowBytes = 4 << 20;
/** What a disk writes whole or not at all. */
const sectorBytes = 512;

/** Reads the records of a file in order, and judges what is left where they end. */
export class RecordReader {
  readonly #file: FsFile;
  readonly #size: number;
  readonly #salt: number;
  #at: number;
  #sequence: number;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  /** `at`: where the first record begins, whose sequence is `sequence`. */
  constructor(file: FsFile, size: number, salt: number, at: number, sequence: number) {
    this.#file = file;
    this.#size = size;
    this.#salt = salt;
    this.#at = at;
    this.#sequence = sequence;
  }

  /** Where the next record begins: the end of those that were read. */
  get offset(): number {
    return this.#at;
  }

  get nextSequence(): number {
    return this.#sequence;
  }

  /** Undefined at the end, or where something else than the next record stands. */
  async next(): Promise<RecordFound | undefined> {
    const header = await this.#header();
    if (header === undefined) return undefined;
    const payload = await this.#read(this.#at + recordHeaderBytes, header.length);
    if (payload.length < header.length || crc32(payload, this.#salt) !== header.payloadCrc) return undefined;
    this.#at += recordHeaderBytes + header.length;
    this.#sequence += 1;
    return { ...header, payload };
  }

  /**
   * What stands at `offset`, after `next` has found no record there.
   *
   * Records are written one at a time, each synced before the next begins. So only the last can be unfinished: nothing
   * that was begun after it is there, and it ends beyond the file or has a sector that was never written and reads as
   * zeros. Anything else was whole once.
   */
  async rest(): Promise<Rest> {
    if (this.#at === this.#size) return 'nothing';
    if (await this.#laterRecordBegins()) return 'damage';
    const header = await this.#header();
    const end = header === undefined ? this.#size : this.#at + recordHeaderBytes + header.length;
    if (end > this.#size || this.#size - this.#at < recordHeaderBytes) return 'unfinished';
    if (end < this.#size) return 'damage';
    return (await this.#hasBlankSector(end)) ? 'unfinished' : 'damage';
  }

  /** The header of the next record, if it stands there whole. */
  async #header(): Promise<RecordHeader | undefined> {
    const header = decodeRecordHeader(await this.#read(this.#at, recordHeaderBytes), 0, this.#salt);
    return header?.sequence === this.#sequence ? header : undefined;
  }

  /** Looks for a header at every byte, since the damaged one may have hidden where the next begins. */
  async #laterRecordBegins(): Promise<boolean> {
    const step = windowBytes - recordHeaderBytes;
    // Bounded by the size of the file.
    for (let at = this.#at + 1; at < this.#size; at += step) {
      const bytes = await this.#read(at, Math.min(windowBytes, this.#size - at));
      for (let i = 0; i + recordHeaderBytes <= bytes.length; i++) {
        // Sums are costly, and few bytes look like a sequence that could come.
        const sequence = bytes.readUIntBE(i + 4, 6);
        if (sequence <= this.#sequence || sequence > this.#sequence + this.#size) continue;
        if (decodeRecordHeader(bytes, i, this.#salt) !== undefined) return true;
      }
    }
    return false;
  }

  /** Whether one of the sectors between here and `end`, or the part of it that lies there, is all zeros. */
  async #hasBlankSector(end: number): Promise<boolean> {
    // Bounded by the size of the file.
    for (let at = this.#at; at < end; ) {
      const next = Math.min(end, at - (at % sectorBytes) + sectorBytes);
      if ((await this.#read(at, next - at)).every((byte) => byte === 0)) return true;
      at = next;
    }
    return false;
  }

  /** Fewer bytes at the end of the file. Valid until the next read. */
  async #read(at: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.#size - at));
    const from = at - this.#windowAt;
    if (from >= 0 && from + wanted <= this.#window.length) return this.#window.subarray(from, from + wanted);
    this.#window = await this.#file.read(at, Math.min(this.#size - at, Math.max(wanted, windowBytes)));
    this.#windowAt = at;
    return this.#window.subarray(0, wanted);
  }
}
