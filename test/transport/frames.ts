import { Flag, FrameType, frameHeadBytes } from '../../src/http2/protocol.js';

export { Code, Flag, FrameType, frameHeadBytes, Setting } from '../../src/http2/protocol.js';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function encodeFrame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeadBytes + payload.length);
  writeFrameHead(bytes, payload.length, type, flags, stream);
  bytes.set(payload, frameHeadBytes);
  return bytes;
}

/** At the start of `bytes`; `length` is the payload's. */
export function writeFrameHead(bytes: Buffer, length: number, type: number, flags: number, stream: number): void {
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
}

/** The whole frames at the start of `bytes`, and what is left. */
export function decodeFrames(bytes: Buffer): { readonly frames: readonly Frame[]; readonly rest: Buffer } {
  const frames: Frame[] = [];
  let at = 0;
  while (bytes.length - at >= frameHeadBytes) {
    const end = at + frameHeadBytes + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + frameHeadBytes, end);
    const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    frames.push({ type: bytes[at + 3] as number, flags: bytes[at + 4] as number, stream, payload });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** One setting: its number and value. */
export type SettingPair = readonly [id: number, value: number];

export function settingsFrame(...pairs: readonly SettingPair[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  for (const [i, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  }
  return encodeFrame(FrameType.settings, Flag.none, 0, payload);
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  return encodeFrame(FrameType.windowUpdate, Flag.none, stream, uint32(bytes));
}

export function resetFrame(stream: number, code: number): Buffer {
  return encodeFrame(FrameType.reset, Flag.none, stream, uint32(code));
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
