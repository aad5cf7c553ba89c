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
   * Records are written one at a time, each synced before the next begins, into zeros or beyond the end of the file. So
   * only the last can be unfinished: nothing but zeros stands behind it, and its end or one of its sectors was never
   * written and reads as zeros. Anything else was whole once.
   */
  async rest(): Promise<Rest> {
    const filled = await this.filledUntil();
    if (filled === this.#at) return 'nothing';
    if (await this.#laterRecordBegins(filled)) return 'damage';
    const header = await this.#header();
    const end = this.#at + recordHeaderBytes + (header?.length ?? 0);
    // A batch ends with a byte that is not zero, and so does all but one header of 256 that has nothing after it.
    if (filled < end) return 'unfinished';
    if (header !== undefined && filled > end) return 'damage';
    return (await this.#hasBlankSector(end)) ? 'unfinished' : 'damage';
  }

  /** The end of what is not zero; `offset` if nothing is from there on. */
  async filledUntil(): Promise<number> {
    // Bounded by the size of the file.
    for (let end = this.#size; end > this.#at; ) {
      const from = Math.max(this.#at, end - windowBytes);
      const bytes = await this.#read(from, end - from);
      for (let i = bytes.length; i > 0; i--) if (bytes[i - 1] !== 0) return from + i;
      end = from;
    }
    return this.#at;
  }

  /** The header of the next record, if it stands there whole. */
  async #header(): Promise<RecordHeader | undefined> {
    const header = decodeRecordHeader(await this.#read(this.#at, recordHeaderBytes), 0, this.#salt);
    return header?.sequence === this.#sequence ? header : undefined;
  }

  /** Looks for a header at every byte, since the damaged one may have hidden where the next begins. */
  async #laterRecordBegins(filled: number): Promise<boolean> {
    const step = windowBytes - recordHeaderBytes;
    // A header may end in zeros.
    const until = Math.min(this.#size, filled + recordHeaderBytes);
    // Bounded by the size of the file.
    for (let at = this.#at + 1; at < until; at += step) {
      const bytes = await this.#read(at, Math.min(windowBytes, until - at));
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
