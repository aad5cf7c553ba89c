import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const settings = frame(0x4, 0, 0, Buffer.alloc(0));

/** A peer that writes HTTP/2 frames by hand and obeys nothing it is told: no limit, no PING. */
export class RawPeer {
  readonly socket: Socket;
  readonly closed: Promise<void>;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  /** Sends preface and SETTINGS, waits for the server's. */
  async handshake(): Promise<this> {
    const answered = once(this.socket, 'data');
    this.socket.write(Buffer.concat([preface, settings]));
    await answered;
    this.socket.resume();
    return this;
  }

  /** Opens `count` calls and takes each back at once. */
  openAndReset(path: string, count: number): void {
    const block = headerBlock(path);
    const cancel = Buffer.from([0, 0, 0, 8]);
    const frames: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const stream = 2 * i + 1;
      frames.push(frame(0x1, 0x4, stream, block), frame(0x3, 0, stream, cancel));
    }
    this.socket.write(Buffer.concat(frames));
  }

  /** Opens calls to `path` on streams 1, 3, 5 … all in one write. */
  openCalls(path: string, count: number, body: Uint8Array = new Uint8Array(0)): void {
    const block = headerBlock(path);
    const frames: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const stream = 2 * i + 1;
      frames.push(frame(0x1, 0x4, stream, block));
      if (body.length > 0) frames.push(frame(0x0, 0, stream, body));
    }
    this.socket.write(Buffer.concat(frames));
  }
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK without its tables' dynamic part: static entries for method and scheme, literals for the rest. */
function headerBlock(path: string): Buffer {
  const type = 'application/grpc';
  const methodPost = 0x83;
  const schemeHttp = 0x86;
  const authorityName = 0x01;
  const pathName = 0x04;
  const contentTypeName = [0x0f, 0x10];
  return Buffer.concat([
    Buffer.from([methodPost, schemeHttp, authorityName, 1, 0x61, pathName, path.length]),
    Buffer.from(path, 'latin1'),
    Buffer.from([...contentTypeName, type.length]),
    Buffer.from(type, 'latin1'),
  ]);
}
