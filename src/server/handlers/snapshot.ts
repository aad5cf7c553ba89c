import type { Bytes } from '../../core/bytes.js';
import type { AuthStore } from '../../engine/auth/auth-store.js';
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
export function snapshotHandler(host: EngineHost, auth: AuthStore): DuplexHandler<Nothing, SnapshotResponse> {
  return {
    method: maintenanceMethods.snapshot,
    open: (reply) => new SnapshotCall(() => writeSnapshot(host, auth), reply),
  };
}

class SnapshotCall implements DuplexCall<Nothing> {
  readonly #take: () => Bytes;
  readonly #reply: DuplexReply<SnapshotResponse>;
  #bytes: Bytes | undefined;
  #at = 0;
  #isFull = false;
  #isOver = false;

  constructor(take: () => Bytes, reply: DuplexReply<SnapshotResponse>) {
    this.#take = take;
    this.#reply = reply;
  }

  onMessage(): void {
    if (this.#bytes !== undefined) return;
    this.#bytes = this.#take();
    this.#pump(this.#bytes);
  }

  onHalfClose(): void {
    if (this.#bytes === undefined) this.#end();
  }

  onBackpressure(isFull: boolean): void {
    this.#isFull = isFull;
    if (this.#bytes !== undefined) this.#pump(this.#bytes);
  }

  onCancel(): void {
    this.#isOver = true;
    this.#bytes = undefined;
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

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reply.end();
  }
}
