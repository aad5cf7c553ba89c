import type { Bytes } from '../../core/bytes.js';

/** Writes and reads one protobuf message. */
export interface Codec<Message> {
  /** The message alone, without gRPC's five-byte prefix. */
  encode(message: Message): Bytes;
  /**
   * Reads `bytes[start, end)`, by default all. Throws `ConclaveError` `INTERNAL` for bytes that are no such message;
   * unknown fields are skipped.
   */
  decode(bytes: Bytes, start?: number, end?: number): Message;
}
