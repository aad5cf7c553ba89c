import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { callHead, preface } from '../../transport/frame-peer.js';
import { Code, encodeFrame, Flag, FrameType, resetFrame, settingsFrame } from '../../transport/frames.js';

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
    this.socket.write(Buffer.concat([preface, settingsFrame()]));
    await answered;
    this.socket.resume();
    return this;
  }

  /** Opens `count` calls and takes each back at once. */
  openAndReset(path: string, count: number): void {
    const frames: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const stream = 2 * i + 1;
      frames.push(callHead(stream, path), resetFrame(stream, Code.cancel));
    }
    this.socket.write(Buffer.concat(frames));
  }

  /** Opens calls to `path` on streams 1, 3, 5 … all in one write. */
  openCalls(path: string, count: number, body: Uint8Array = new Uint8Array(0)): void {
    const frames: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const stream = 2 * i + 1;
      frames.push(callHead(stream, path));
      if (body.length > 0) frames.push(encodeFrame(FrameType.data, Flag.none, stream, body));
    }
    this.socket.write(Buffer.concat(frames));
  }
}
