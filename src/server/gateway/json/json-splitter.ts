import { badJson, isSpace } from './json-value.js';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Cuts a stream of bytes into the JSON objects that it carries one after the other; what is in them is not judged. */
export class JsonSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #size = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  /** `maxBytes`: of one object. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether an object has begun and is not complete. */
  get isInside(): boolean {
    return this.#depth > 0;
  }

  /** Calls `onObject` for every object that `chunk` completes. Throws `INVALID_ARGUMENT` for what is no object. */
  push(chunk: Buffer, onObject: (object: Buffer) => void): void {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#depth === 0) {
        if (isSpace(byte)) continue;
        if (byte !== openBrace) throw badJson('a stream takes objects, one after the other');
        start = at;
        this.#depth = 1;
      } else if (this.#closes(byte)) {
        this.#keep(chunk.subarray(start, at + 1));
        onObject(this.#take());
      }
    }
    if (this.#depth > 0) this.#keep(chunk.subarray(start));
  }

  /** Whether `byte` ends the object. */
  #closes(byte: number): boolean {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === backslash) this.#isEscaped = true;
      else if (byte === quote) this.#isInString = false;
      return false;
    }
    if (byte === quote) this.#isInString = true;
    else if (byte === openBrace) this.#depth += 1;
    else if (byte === closeBrace) this.#depth -= 1;
    return this.#depth === 0;
  }

  #keep(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > this.#maxBytes) throw badJson(`an object of more than ${this.#maxBytes} bytes`);
    this.#parts.push(part);
  }

  #take(): Buffer {
    const object = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    return object;
  }
}
