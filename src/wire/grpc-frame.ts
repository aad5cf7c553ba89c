import type { Bytes } from '../core/bytes.js';

/** One byte of flags and four of length come before each gRPC message. */
export const prefixSize = 5;

/** What comes before an uncompressed message of `length` bytes, written into `prefix`. */
export function writeGrpcPrefix(prefix: Uint8Array, length: number): void {
  prefix[0] = 0;
  prefix[1] = length >>> 24;
  prefix[2] = length >>> 16;
  prefix[3] = length >>> 8;
  prefix[4] = length;
}

/** `payload` as an uncompressed gRPC message. One buffer, so that it leaves as one DATA frame. */
export function grpcFrame(payload: Bytes): Buffer {
  const frame = Buffer.allocUnsafe(prefixSize + payload.length);
  writeGrpcPrefix(frame, payload.length);
  frame.set(payload, prefixSize);
  return frame;
}
