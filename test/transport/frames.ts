/** RFC 9113, section 6. */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { none: 0, endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** RFC 9113, section 7. */
export const Code = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  calm: 11,
} as const;

/** RFC 9113, section 6.5.2. */
export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const frameHeadBytes = 9;

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
