import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MessageReader } from '../../src/wire/message-reader.js';
import {
  encodeFrame,
  Flag,
  FrameType,
  frameHeadBytes,
  Setting,
  settingsFrame,
  windowUpdate,
  writeFrameHead,
} from '../../test/transport/frames.js';
import { HpackBlocks } from './hpack-block.js';

const grpcPrefixBytes = 5;
/** Answers may come as fast as they like: we measure the server, not our windows. */
const largestWindow = 2 ** 31 - 1;
const widenAtBytes = 2 ** 29;
const maxMessageBytes = 2 ** 30;

/** What is heard of one call. */
export interface CallListener {
  onMessage(message: Uint8Array): void;
  /** `failed`: the call ended without one message, or with its connection. */
  onEnd(failed: boolean): void;
}

interface Call {
  readonly listener: CallListener;
  reader: MessageReader | undefined;
  answered: boolean;
  /** Bytes that the peer still takes. */
  window: number;
}

/**
 * As little of an HTTP/2 client as gRPC load needs, over a plain socket: one output buffer and one write per turn,
 * answers' headers unread (an answer without a message counts as failed). About 5 µs a call, against about 100 of
 * `node:http2`, which would be the bottleneck. Knows both windows, pings and settings; nothing else.
 */
export class H2Client {
  readonly #socket: Socket;
  readonly #blocks: HpackBlocks;
  readonly #calls = new Map<number, Call>();
  readonly #output: Buffer[] = [];
  /** Data that waits for a window, in order. */
  readonly #blocked: { readonly id: number; readonly frame: Buffer }[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #nextId = 1;
  #window = 65_535;
  #peerInitialWindow = 65_535;
  #unreportedBytes = 0;
  #flushing = false;

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket;
    this.#blocks = new HpackBlocks(authority);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
    this.#write(
      preface,
      settingsFrame([Setting.initialWindowSize, largestWindow]),
      windowUpdate(0, largestWindow - 65_535),
    );
  }

  static async connect(port: number): Promise<H2Client> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new H2Client(socket, `127.0.0.1:${port}`);
  }

  /** Starts a call with its first message; `last`: the only one. Returns what sends more. */
  call(path: string, message: Uint8Array, last: boolean, listener: CallListener): (message: Uint8Array) => void {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#calls.set(id, { listener, reader: undefined, answered: false, window: this.#peerInitialWindow });
    const block = this.#blocks.block(path);
    const head = Buffer.allocUnsafe(frameHeadBytes + block.length);
    writeFrameHead(head, block.length, FrameType.headers, Flag.endHeaders, id);
    block.copy(head, frameHeadBytes);
    this.#write(head);
    this.#sendData(id, dataFrame(id, message, last));
    return (more) => this.#sendData(id, dataFrame(id, more, false));
  }

  /** The answer of a call with one message each way. */
  unary(path: string, message: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let answer: Uint8Array | undefined;
      this.call(path, message, true, {
        onMessage: (bytes) => {
          answer = bytes;
        },
        onEnd: (failed) => (failed || answer === undefined ? reject(new Error(`${path} failed`)) : resolve(answer)),
      });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #sendData(id: number, frame: Buffer): void {
    if (this.#blocked.length > 0 || !this.#takeWindow(id, frame)) this.#blocked.push({ id, frame });
  }

  #takeWindow(id: number, frame: Buffer): boolean {
    const size = frame.length - frameHeadBytes;
    const call = this.#calls.get(id);
    if (call === undefined) return true;
    if (size > this.#window || size > call.window) return false;
    this.#window -= size;
    call.window -= size;
    this.#write(frame);
    return true;
  }

  #unblock(): void {
    // Bounded by what waits: each turn sends one frame or ends the loop.
    while (this.#blocked[0] !== undefined && this.#takeWindow(this.#blocked[0].id, this.#blocked[0].frame)) {
      this.#blocked.shift();
    }
  }

  #write(...frames: Buffer[]): void {
    this.#output.push(...frames);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      const output = this.#output.splice(0);
      if (!this.#socket.destroyed)
        this.#socket.write(output.length === 1 ? (output[0] as Buffer) : Buffer.concat(output));
    });
  }

  #onData(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    // Bounded: each turn takes one whole frame.
    while (bytes.length - at >= frameHeadBytes) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + frameHeadBytes + length;
      if (end > bytes.length) break;
      const id = bytes.readUInt32BE(at + 5) & largestWindow;
      this.#onFrame(bytes[at + 3] as number, bytes[at + 4] as number, id, bytes.subarray(at + frameHeadBytes, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #onFrame(type: number, flags: number, id: number, body: Buffer): void {
    switch (type) {
      case FrameType.data:
        this.#onBody(id, body);
        if ((flags & Flag.endStream) !== 0) this.#end(id);
        break;
      case FrameType.headers:
        if ((flags & Flag.endStream) !== 0) this.#end(id);
        break;
      case FrameType.reset:
        this.#end(id);
        break;
      case FrameType.settings:
        if ((flags & Flag.ack) === 0) this.#onSettings(body);
        break;
      case FrameType.ping:
        if ((flags & Flag.ack) === 0) this.#write(encodeFrame(FrameType.ping, Flag.ack, 0, body));
        break;
      case FrameType.goAway:
        this.#socket.destroy();
        break;
      case FrameType.windowUpdate:
        this.#onWindow(id, body.readUInt32BE(0));
        break;
      default:
    }
  }

  #onBody(id: number, body: Buffer): void {
    this.#unreportedBytes += body.length;
    if (this.#unreportedBytes > widenAtBytes) {
      this.#write(windowUpdate(0, this.#unreportedBytes));
      this.#unreportedBytes = 0;
    }
    const call = this.#calls.get(id);
    if (call === undefined) return;
    if (call.reader === undefined && isOneMessage(body)) {
      call.answered = true;
      call.listener.onMessage(body.subarray(grpcPrefixBytes));
      return;
    }
    call.reader ??= new MessageReader(maxMessageBytes);
    call.reader.push(body, (message) => {
      call.answered = true;
      call.listener.onMessage(message);
    });
  }

  #onSettings(body: Buffer): void {
    for (let at = 0; at + 6 <= body.length; at += 6) {
      if (body.readUInt16BE(at) !== Setting.initialWindowSize) continue;
      const window = body.readUInt32BE(at + 2);
      for (const call of this.#calls.values()) call.window += window - this.#peerInitialWindow;
      this.#peerInitialWindow = window;
    }
    this.#write(encodeFrame(FrameType.settings, Flag.ack, 0));
    this.#unblock();
  }

  #onWindow(id: number, increment: number): void {
    if (id === 0) this.#window += increment;
    const call = this.#calls.get(id);
    if (call !== undefined) call.window += increment;
    this.#unblock();
  }

  #end(id: number): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.listener.onEnd(!call.answered);
  }

  #onClose(): void {
    for (const id of [...this.#calls.keys()]) {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      call?.listener.onEnd(true);
    }
  }
}

function isOneMessage(body: Buffer): boolean {
  return body.length >= grpcPrefixBytes && body[0] === 0 && body.readUInt32BE(1) === body.length - grpcPrefixBytes;
}

function dataFrame(id: number, message: Uint8Array, last: boolean): Buffer {
  const length = grpcPrefixBytes + message.length;
  if (length > 16_384) throw new Error('longer than one frame');
  const bytes = Buffer.allocUnsafe(frameHeadBytes + length);
  writeFrameHead(bytes, length, FrameType.data, last ? Flag.endStream : 0, id);
  bytes[frameHeadBytes] = 0;
  bytes.writeUInt32BE(message.length, frameHeadBytes + 1);
  bytes.set(message, frameHeadBytes + grpcPrefixBytes);
  return bytes;
}
