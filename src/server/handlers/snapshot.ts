import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { maintenanceMethods } from '../../wire/admin-methods.js';
import type { Nothing } from '../../wire/codec/auth.js';
import type { SnapshotResponse } from '../../wire/codec/maintenance.js';
import type { DuplexCall, DuplexHandler, DuplexReply } from '../../wire/rpc-service.js';
import { writeSnapshot } from '../maintenance/snapshot.js';

const chunkBytes = 32 * 1024;
/** The last chunk is the SHA-256 alone, as etcd sends it. */
const hashBytes = 32;

/** `Maintenance/Snapshot`: one request, then the snapshot in chunks, as fast as the caller reads. */
export function snapshotHandler(host: EngineHost): DuplexHandler<Nothing, SnapshotResponse> {
  return {
    method: maintenanceMethods.snapshot,
    open: (reply) => new SnapshotCall(host, reply),
  };
}

class SnapshotCall implements DuplexCall<Nothing> {
  readonly #host: EngineHost;
  readonly #reply: DuplexReply<SnapshotResponse>;
  #bytes: Bytes | undefined;
  /** Whether what it tells of is on disk. */
  #hasStarted = false;
  #at = 0;
  #isFull = false;
  #isOver = false;

  constructor(host: EngineHost, reply: DuplexReply<SnapshotResponse>) {
    this.#host = host;
    this.#reply = reply;
  }

  onMessage(): void {
    if (this.#bytes !== undefined) return;
    const bytes = writeSnapshot(this.#host);
    this.#bytes = bytes;
    const kept = this.#host.committed();
    if (kept === undefined) this.#start(bytes);
    else kept.then(() => this.#start(bytes)).catch((error: unknown) => this.#end(ConclaveError.from(error)));
  }

  onHalfClose(): void {
    if (this.#bytes === undefined) this.#end();
  }

  onBackpressure(isFull: boolean): void {
    this.#isFull = isFull;
    if (this.#hasStarted && this.#bytes !== undefined) this.#pump(this.#bytes);
  }

  onCancel(): void {
    this.#isOver = true;
    this.#bytes = undefined;
  }

  #start(bytes: Bytes): void {
    this.#hasStarted = true;
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
