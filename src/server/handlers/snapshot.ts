import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { maintenanceMethods } from '../../wire/admin-methods.js';
import type { Nothing } from '../../wire/codec/auth.js';
import type { SnapshotResponse } from '../../wire/codec/maintenance.js';
import type { DuplexCall, DuplexHandler, DuplexReply } from '../../wire/rpc-service.js';
import { snapshotSteps } from '../maintenance/snapshot.js';

const chunkBytes = 32 * 1024;
/** The last chunk is the SHA-256 alone, as etcd sends it. */
const hashBytes = 32;

/** So long a snapshot is made without a break: it takes 5 µs a revision, and everybody else waits meanwhile. */
const sliceMs = 10;

type Clock = Pick<Runtime, 'monotonicMs' | 'setTimer'>;

/** `Maintenance/Snapshot`: one request, then the snapshot in chunks, as fast as the caller reads. */
export function snapshotHandler(host: EngineHost, runtime: Clock): DuplexHandler<Nothing, SnapshotResponse> {
  return {
    method: maintenanceMethods.snapshot,
    open: (reply) => new SnapshotCall(host, runtime, reply),
  };
}

class SnapshotCall implements DuplexCall<Nothing> {
  readonly #host: EngineHost;
  readonly #runtime: Clock;
  readonly #reply: DuplexReply<SnapshotResponse>;
  #isAsked = false;
  /** Once it is made, and what it tells of is on disk. */
  #bytes: Bytes | undefined;
  #at = 0;
  #isFull = false;
  #isOver = false;
  #stopTimer = () => {};

  constructor(host: EngineHost, runtime: Clock, reply: DuplexReply<SnapshotResponse>) {
    this.#host = host;
    this.#runtime = runtime;
    this.#reply = reply;
  }

  onMessage(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const steps = snapshotSteps(this.#host);
    steps.next();
    const kept = this.#host.committed();
    // It is asked when the snapshot is made.
    kept?.catch(() => {});
    this.#make(steps, kept);
  }

  onHalfClose(): void {
    if (!this.#isAsked) this.#end();
  }

  onBackpressure(isFull: boolean): void {
    this.#isFull = isFull;
    if (this.#bytes !== undefined) this.#pump(this.#bytes);
  }

  onCancel(): void {
    this.#isOver = true;
    this.#bytes = undefined;
    this.#stopTimer();
  }

  /** `kept`: settles when what the snapshot tells of is on disk. */
  #make(steps: Generator<void, Bytes>, kept: Promise<void> | undefined): void {
    const untilMs = this.#runtime.monotonicMs() + sliceMs;
    // Bounded by the pages of the snapshot.
    do {
      const step = steps.next();
      if (!step.done) continue;
      if (kept === undefined) this.#start(step.value);
      else kept.then(() => this.#start(step.value)).catch((error: unknown) => this.#end(ConclaveError.from(error)));
      return;
    } while (this.#runtime.monotonicMs() < untilMs);
    this.#stopTimer = this.#runtime.setTimer(0, () => {
      try {
        this.#make(steps, kept);
      } catch (error) {
        this.#end(ConclaveError.from(error));
      }
    });
  }

  #start(bytes: Bytes): void {
    if (this.#isOver) return;
    this.#bytes = bytes;
    this.#pump(bytes);
  }

  /** Bounded by the chunks of the snapshot. */
  #pump(bytes: Bytes): void {
    while (!this.#isFull && !this.#isOver && this.#at < bytes.length) {
      const bodyEnd = bytes.length - hashBytes;
      const end = this.#at < bodyEnd ? Math.min(this.#at + chunkBytes, bodyEnd) : bytes.length;
      const blob = bytes.subarray(this.#at, end);
      this.#at = end;
      this.#reply.send({ header: undefined, remainingBytes: BigInt(bytes.length - end), blob, version: '' });
    }
    if (this.#at === bytes.length) this.#end();
  }

  #end(error?: ConclaveError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reply.end(error);
  }
}
