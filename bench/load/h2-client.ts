import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FrameReader } from '../../src/server/grpc/frame-reader.js';
import { HpackBlocks } from './hpack-block.js';

const Frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const endStream = 1;
const endHeaders = 4;
const acknowledged = 1;
const frameHeaderBytes = 9;
const grpcPrefixBytes = 5;
const initialWindowSetting = 4;
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
  reader: FrameReader | undefined;
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
    this.#write(preface, settings({ [initialWindowSetting]: largestWindow }), windowUpdate(largestWindow - 65_535));
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
    const head = Buffer.allocUnsafe(frameHeaderBytes + block.length);
    writeFrameHeader(head, block.length, Frame.headers, endHeaders, id);
    block.copy(head, frameHeaderBytes);
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
    const size = frame.length - frameHeaderBytes;
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
    while (bytes.length - at >= frameHeaderBytes) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + frameHeaderBytes + length;
      if (end > bytes.length) break;
      const id = bytes.readUInt32BE(at + 5) & largestWindow;
      this.#onFrame(bytes[at + 3] as number, bytes[at + 4] as number, id, bytes.subarray(at + frameHeaderBytes, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #onFrame(type: number, flags: number, id: number, body: Buffer): void {
    switch (type) {
      case Frame.data:
        this.#onBody(id, body);
        if ((flags & endStream) !== 0) this.#end(id);
        break;
      case Frame.headers:
        if ((flags & endStream) !== 0) this.#end(id);
        break;
      case Frame.reset:
        this.#end(id);
        break;
      case Frame.settings:
        if ((flags & acknowledged) === 0) this.#onSettings(body);
        break;
      case Frame.ping:
        if ((flags & acknowledged) === 0) this.#write(frame(Frame.ping, acknowledged, 0, body));
        break;
      case Frame.goAway:
        this.#socket.destroy();
        break;
      case Frame.windowUpdate:
        this.#onWindow(id, body.readUInt32BE(0));
        break;
      default:
    }
  }

  #onBody(id: number, body: Buffer): void {
    this.#unreportedBytes += body.length;
    if (this.#unreportedBytes > widenAtBytes) {
      this.#write(windowUpdate(this.#unreportedBytes));
      this.#unreportedBytes = 0;
    }
    const call = this.#calls.get(id);
    if (call === undefined) return;
    if (call.reader === undefined && isOneMessage(body)) {
      call.answered = true;
      call.listener.onMessage(body.subarray(grpcPrefixBytes));
      return;
    }
    call.reader ??= new FrameReader(maxMessageBytes);
    call.reader.push(body, (message) => {
      call.answered = true;
      call.listener.onMessage(message);
    });
  }

  #onSettings(body: Buffer): void {
    for (let at = 0; at + 6 <= body.length; at += 6) {
      if (body.readUInt16BE(at) !== initialWindowSetting) continue;
      const window = body.readUInt32BE(at + 2);
      for (const call of this.#calls.values()) call.window += window - this.#peerInitialWindow;
      this.#peerInitialWindow = window;
    }
    this.#write(frame(Frame.settings, acknowledged, 0, Buffer.alloc(0)));
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
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + length);
  writeFrameHeader(bytes, length, Frame.data, last ? endStream : 0, id);
  bytes[frameHeaderBytes] = 0;
  bytes.writeUInt32BE(message.length, frameHeaderBytes + 1);
  bytes.set(message, frameHeaderBytes + grpcPrefixBytes);
  return bytes;
}

function settings(values: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(values);
  const body = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], i) => {
    body.writeUInt16BE(Number(id), i * 6);
    body.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(Frame.settings, 0, 0, body);
}

function windowUpdate(increment: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(increment);
  return frame(Frame.windowUpdate, 0, 0, body);
}

function frame(type: number, flags: number, id: number, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + body.length);
  writeFrameHeader(bytes, body.length, type, flags, id);
  body.copy(bytes, frameHeaderBytes);
  return bytes;
}

function writeFrameHeader(bytes: Buffer, length: number, type: number, flags: number, id: number): void {
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
}
