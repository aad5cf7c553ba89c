/**
 * Keys and values are bytes; those that a store answers are Buffers, so that `toString()` gives their text. `Buffer`
 * is a global of Node; these helpers are the only place below the edges that uses it.
 */
export type Bytes = Uint8Array;

export const noBytes: Bytes = Buffer.alloc(0);

export function utf8(text: string): Bytes {
  return Buffer.from(text, 'utf8');
}

/** Lossy for bytes that are no UTF-8: for showing and for values we wrote, never for keys that are compared. */
export function utf8Text(bytes: Bytes): string {
  return view(bytes).toString();
}

/** One char per byte, so that string order is byte order: the form in which the engine and the line compare keys. */
export function latin1(bytes: Bytes): string {
  return view(bytes).toString('latin1');
}

export function fromLatin1(text: string): Bytes {
  return Buffer.from(text, 'latin1');
}

export function copyBytes(bytes: Bytes): Bytes {
  return Buffer.from(bytes);
}

/** A copy that holds no more memory than it needs: what was received together is freed together, and so is a pool. */
export function keepBytes(bytes: Bytes): Bytes {
  const kept = Buffer.allocUnsafeSlow(bytes.length);
  kept.set(bytes);
  return kept;
}

/** `text` has one byte a char, as `latin1` gives it. */
export function withLatin1(bytes: Bytes, text: string): Bytes {
  const whole = Buffer.allocUnsafe(bytes.length + text.length);
  whole.set(bytes);
  whole.write(text, bytes.length, 'latin1');
  return whole;
}

export function concatBytes(...parts: Bytes[]): Bytes {
  return Buffer.concat(parts);
}

/** Negative, zero or positive, comparing unsigned bytes as etcd does. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return Buffer.compare(a, b);
}

export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** The `rangeEnd` that selects every key starting with `prefix` (protocol.md section 0; `"\0"` means "to the end"). */
export function prefixEnd(prefix: Bytes): Bytes {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] as number;
    if (byte < 0xff) {
      const end = copyBytes(i === prefix.length - 1 ? prefix : prefix.subarray(0, i + 1));
      end[i] = byte + 1;
      return end;
    }
  }
  return new Uint8Array([0]);
}

function view(bytes: Bytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
