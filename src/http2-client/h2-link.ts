import type { Socket } from 'node:net';
import { nextTick } from 'node:process';
import type { ConclaveError, Outcome } from '../core/errors.js';
import { Connection } from '../http2/connection.js';
import type { ConnectionListener } from '../http2/connection-listener.js';
import type { Http2Error } from '../http2/http2-error.js';
import { Code, codeName } from '../http2/protocol.js';
import type { LocalSettings } from '../http2/settings.js';
import type { H2Clock } from './h2-clock.js';
import type { H2Dialer } from './h2-dialer.js';
import { H2Keepalive, type Pinged } from './h2-keepalive.js';
import { closedError, transportError, unreachableError } from './transport-error.js';

/** Until the server's SETTINGS: name, TCP, TLS and HTTP/2. Time for two repeated SYNs. */
const connectTimeoutMs = 4_000;

/** A socket that has not taken so much yet gets no DATA. */
const fullAtBytes = 1024 * 1024;

/**
 * An etcd measures the line by a ping, and by another at the first request behind the answer: with an answer to each at
 * once, two packets more a request, and with one that waits so long a few a second. What it learns of the line is how
 * large its windows should be, for which late is as good.
 */
const lingerMs = 50;

/** A call as the link sees it: one stream. */
export interface LinkCall {
  /** Whoever has the call now. */
  owner: CallOwner<this> | undefined;
  /** What the server can have done, if no answer comes any more. */
  readonly outcome: Outcome;
  /** Number of the stream; 0 before there is one. */
  readonly streamId: number;
  begin(connection: Connection): void;
  /** Ends it from this side, and tells whoever waits for it. */
  fail(error: unknown): void;
}

/** Who is told that a call is over, whatever the reason. */
export interface CallOwner<Call> {
  onOver(call: Call): void;
}

export interface LinkListener<Call extends LinkCall> {
  /** The server has greeted. */
  onReady(link: H2Link<Call>): void;
  /** Could not be made: `error` is for every call that waits. */
  onUnreachable(link: H2Link<Call>, error: ConclaveError): void;
  /** Takes no new calls, because of `code`; those that had not begun are `waiting` for another. */
  onRetired(link: H2Link<Call>, waiting: readonly Call[], code: number, text: string): void;
  onClosed(link: H2Link<Call>): void;
}

export interface LinkOptions {
  /** As errors name it. */
  readonly endpoint: string;
  readonly dialer: H2Dialer;
  readonly clock: H2Clock;
  readonly settings: LocalSettings;
  /** A server that says nothing for so long is asked for a sign of life. */
  readonly pingAfterMs: number;
}

/**
 * `dialing` until the server has greeted; `retired` after GOAWAY: what has begun goes on; `over`: no socket any more.
 */
type State = 'dialing' | 'ready' | 'retired' | 'over';

/**
 * One connection to an endpoint with its calls. Above the server's limit of streams, and before its greeting, they
 * wait.
 */
export class H2Link<Call extends LinkCall> implements ConnectionListener, CallOwner<Call>, Pinged {
  readonly #options: LinkOptions;
  readonly #listener: LinkListener<Call>;
  readonly #waiting = new Set<Call>();
  readonly #calls = new Set<Call>();
  #state: State = 'dialing';
  #socket: Socket | undefined;
  #connection: Connection | undefined;
  #keepalive: H2Keepalive | undefined;
  #stopDialTimer: () => void = () => {};
  /** What the socket failed with. */
  #failure: Error | undefined;
  #isLooking = false;

  constructor(options: LinkOptions, listener: LinkListener<Call>) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Whether calls wait for an answer or for their turn. */
  get isBusy(): boolean {
    return this.#calls.size + this.#waiting.size > 0;
  }

  dial(): void {
    let socket: Socket;
    try {
      socket = this.#options.dialer.dial((bytes, start, end) => this.#receive(bytes, start, end));
    } catch (error) {
      this.#giveUp(unreachableError(this.#options.endpoint, reasonOf(error as Error) ?? '', error));
      return;
    }
    this.#socket = socket;
    socket.unref();
    socket.once(this.#options.dialer.openEvent, () => this.#greet(socket));
    socket.on('error', (error) => {
      this.#failure = error;
    });
    // No answer comes any more from a peer that has ended its side.
    socket.once('end', () => socket.destroy());
    socket.once('close', () => this.#onSocketClose());
    this.#stopDialTimer = this.#options.clock.setTimer(connectTimeoutMs, () => {
      this.#failure ??= new Error(`no connection within ${connectTimeoutMs} ms`);
      socket.destroy();
    });
  }

  start(call: Call): void {
    const wasIdle = !this.isBusy;
    if (wasIdle) this.#socket?.ref();
    call.owner = this;
    if (this.#canBegin()) this.#begin(call);
    else this.#waiting.add(call);
    // Behind the call: a ping of a connection without one counts as one too many.
    if (wasIdle) this.#keepalive?.awaken();
  }

  /**
   * Lets the server send no more than the connection's window still has room for, whatever the calls, until `resume`.
   */
  pause(): void {
    if (this.#connection !== undefined) this.#connection.isPaused = true;
  }

  resume(): void {
    if (this.#connection !== undefined) this.#connection.isPaused = false;
  }

  /** Ends every call. */
  close(): void {
    // With GOAWAY leaves all that waits for the end of the turn: before anybody is told that it has not left.
    this.#connection?.flush();
    for (const call of this.#all()) call.fail(closedError(this.#options.endpoint, call.outcome));
    this.#connection?.goAway();
    this.#connection?.flush();
    this.#socket?.destroy();
  }

  onOver(call: Call): void {
    this.#calls.delete(call);
    this.#waiting.delete(call);
    if (!this.isBusy) this.#socket?.unref();
    if (this.#waiting.size > 0 || this.#state === 'retired') this.#lookSoon();
  }

  onStream(): undefined {
    return undefined;
  }

  onSettings(): void {
    if (this.#state === 'dialing') {
      this.#state = 'ready';
      this.#stopDialTimer();
      this.#keepalive = new H2Keepalive(this.#options.clock, this, this.#options.pingAfterMs);
      this.#listener.onReady(this);
    }
    this.#beginWaiting();
  }

  onPong(): void {}

  onGoAway(lastStream: number, code: number, text: string): void {
    // A server that is going down gives two numbers: first the highest there is, then the one that counts.
    const refused = [...this.#calls].filter(({ streamId }) => streamId > lastStream);
    this.#retire(code, text);
    const why = `the server is going away: ${codeName(code)}`;
    for (const call of refused) call.fail(transportError(this.#options.endpoint, why, 'not-applied'));
    this.#lookSoon();
  }

  onFail(error: Http2Error): void {
    this.#failure ??= error;
    this.#socket?.destroy();
  }

  ping(): void {
    this.#connection?.ping(pingBytes);
  }

  onSilent(ms: number): void {
    this.#failure ??= new Error(`no sign of life for ${ms} ms`);
    this.#socket?.destroy();
  }

  /** The socket is open: from here on HTTP/2 is spoken. */
  #greet(socket: Socket): void {
    const fault = this.#options.dialer.fault(socket);
    if (fault !== undefined) {
      this.#failure = new Error(fault);
      socket.destroy();
      return;
    }
    const sink = {
      write: (chunks: readonly Buffer[]) => write(socket, chunks),
      // Behind all that this turn of the loop has read, and what it led to.
      defer: (fn: () => void) => void setImmediate(fn),
      linger: (fn: () => void) => void this.#options.clock.setTimer(lingerMs, fn),
    };
    const { settings } = this.#options;
    const connection = new Connection({ role: 'client', settings, sink, listener: this });
    this.#connection = connection;
    socket.on('drain', () => connection.drained());
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    this.#keepalive?.heard();
    this.#connection?.receive(bytes, start, end);
  }

  #canBegin(): boolean {
    const connection = this.#connection;
    return (
      this.#state === 'ready' &&
      connection !== undefined &&
      // Given up, and not told so yet: what waits goes to the next connection.
      this.#socket?.destroyed === false &&
      this.#calls.size < connection.peerSettings.maxStreams &&
      connection.streams < connection.peerSettings.maxStreams
    );
  }

  #begin(call: Call): void {
    const connection = this.#connection as Connection;
    if (!connection.canOpen) {
      this.#waiting.add(call);
      this.#retire(Code.none, 'its numbers are used up');
      this.#lookSoon();
      return;
    }
    this.#calls.add(call);
    call.begin(connection);
  }

  #beginWaiting(): void {
    for (const call of this.#waiting) {
      if (!this.#canBegin()) return;
      this.#waiting.delete(call);
      this.#begin(call);
    }
  }

  /** A stream that has ended is counted until its frame has been dealt with. */
  #lookSoon(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    nextTick(() => {
      this.#isLooking = false;
      this.#beginWaiting();
      if (this.#state === 'retired' && this.#calls.size === 0) this.#socket?.destroy();
    });
  }

  #retire(code: number, text: string): void {
    if (this.#state === 'retired' || this.#state === 'over') return;
    this.#state = 'retired';
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#listener.onRetired(this, waiting, code, text);
  }

  #onSocketClose(): void {
    const wasDialing = this.#state === 'dialing';
    const why = reasonOf(this.#failure);
    if (wasDialing) {
      this.#giveUp(unreachableError(this.#options.endpoint, why ?? 'the server closed the connection', this.#failure));
      return;
    }
    this.#retire(Code.none, '');
    this.#end();
    const what = `the connection broke${why === undefined ? '' : `: ${why}`}`;
    for (const call of this.#all()) call.fail(transportError(this.#options.endpoint, what, call.outcome));
    this.#connection?.lose();
    this.#listener.onClosed(this);
  }

  #giveUp(error: ConclaveError): void {
    this.#end();
    this.#listener.onUnreachable(this, error);
    for (const call of this.#all()) call.fail(error);
    this.#listener.onClosed(this);
  }

  #end(): void {
    this.#state = 'over';
    this.#stopDialTimer();
    this.#keepalive?.stop();
  }

  #all(): Call[] {
    return [...this.#calls, ...this.#waiting];
  }
}

const pingBytes = Buffer.from('conclave', 'latin1');

function write(socket: Socket, chunks: readonly Buffer[]): boolean {
  if (chunks.length > 1) socket.cork();
  for (const chunk of chunks) socket.write(chunk);
  if (chunks.length > 1) socket.uncork();
  return socket.writableLength < fullAtBytes;
}

function reasonOf(failure: Error | undefined): string | undefined {
  // A host with several addresses fails with an error for each, and no words of its own.
  if (failure instanceof AggregateError) return failure.errors.map((each: Error) => each.message).join(', ');
  // OpenSSL's message is a line with numbers and a file's name around the same words.
  const { library, reason } = (failure ?? {}) as { readonly library?: string; readonly reason?: string };
  return library === undefined ? failure?.message : `${library}: ${reason}`;
}
