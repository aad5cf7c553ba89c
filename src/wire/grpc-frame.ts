import type { Bytes } from '../core/bytes.js';

/** One byte of flags and four of length come before each gRPC message. */
export const prefixSize = 5;

/** `payload` as an uncompressed gRPC message. One buffer, so that it leaves as one DATA frame. */
export function grpcFrame(payload: Bytes): Buffer {
  const frame = Buffer.allocUnsafe(prefixSize + payload.length);
  frame[0] = 0;
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, prefixSize);
  return frame;
}
