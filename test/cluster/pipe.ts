import type { Socket } from 'node:net';

/** What happens to the bytes that go one way. */
export type Flow =
  | { readonly type: 'pass' }
  /** Nothing arrives, nobody is told; what was under way goes on when the fault is over, as TCP would send it again. */
  | { readonly type: 'blackhole' }
  | { readonly type: 'delay'; readonly ms: number }
  /** So many bytes each 20 ms. */
  | { readonly type: 'drip'; readonly bytes: number };

export const pass: Flow = { type: 'pass' };

const dripEveryMs = 20;
/** More is not taken from the sender while it cannot be handed on. */
const queueMaxBytes = 1 << 20;

interface Queued {
  readonly chunk: Buffer;
  readonly dueMs: number;
}

/** One direction of one connection: what `from` sends goes to `to`, in order, as the flow of the moment says. */
export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #flow: () => Flow;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(from: Socket, to: Socket, flow: () => Flow) {
    this.#from = from;
    this.#to = to;
    this.#flow = flow;
    from.on('data', (chunk: Buffer) => this.push(chunk));
    from.on('end', () => {
      this.#ended = true;
      this.refresh();
    });
    to.on('drain', () => this.refresh());
    to.on('close', () => clearTimeout(this.#timer));
  }

  push(chunk: Buffer): void {
    const flow = this.#flow();
    const delayMs = flow.type === 'delay' ? flow.ms : 0;
    this.#queue.push({ chunk, dueMs: performance.now() + delayMs });
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes > queueMaxBytes) this.#from.pause();
    this.refresh();
  }

  /** Hands on what may go now; called again whenever the flow changes. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#to.destroyed) return;
    // Bounded by what is queued.
    while (this.#queue.length > 0) {
      const waitMs = this.#next();
      if (waitMs === Number.POSITIVE_INFINITY) return;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.refresh(), waitMs);
        return;
      }
    }
    if (this.#ended && this.#flow().type !== 'blackhole') this.#to.end();
    else this.#from.resume();
  }

  /** Sends one piece; how long to wait for the next, or that something else will call. */
  #next(): number {
    const flow = this.#flow();
    if (flow.type === 'blackhole' || this.#to.writableNeedDrain) return Number.POSITIVE_INFINITY;
    const [first] = this.#queue as [Queued];
    const waitMs = flow.type === 'delay' ? Math.ceil(first.dueMs - performance.now()) : 0;
    if (waitMs > 0) return waitMs;
    const size = flow.type === 'drip' ? Math.min(flow.bytes, first.chunk.length) : first.chunk.length;
    if (size < first.chunk.length) this.#queue[0] = { ...first, chunk: first.chunk.subarray(size) };
    else this.#queue.shift();
    this.#queuedBytes -= size;
    this.#to.write(first.chunk.subarray(0, size));
    return flow.type === 'drip' ? dripEveryMs : 0;
  }
}
