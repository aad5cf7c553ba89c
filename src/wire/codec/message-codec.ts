import type { Codec } from './codec.js';
import { type Read, Reader } from './reader.js';
import { type Write, Writer } from './writer.js';

/** The codec of a message that has a function for writing and one for reading its fields. */
export function messageCodec<Message>(write: Write<Message>, read: Read<Message>): Codec<Message> {
  return {
    encode(message) {
      const writer = new Writer();
      write(writer, message);
      return writer.finish();
    },
    decode: (bytes, start, end) => read(new Reader(bytes, start, end)),
  };
}
