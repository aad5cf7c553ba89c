import { onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { LeaseKeepAliveResponse } from '../store/messages.js';
import type { Attempt } from './calls.js';
import { KeepAliveStream } from './keepalive-stream.js';

/**
 * One stream for the heartbeats of all leases, opened by the first. It is replaced when the endpoint or the token has
 * changed, and when it left a beat unanswered: the next beat must not queue behind one that hangs.
 */
export class KeepAliveStreams {
  readonly #streams = new Set<KeepAliveStream>();
  #current: KeepAliveStream | undefined;

  async beat(id: bigint, attempt: Attempt): Promise<LeaseKeepAliveResponse> {
    const stream = this.#streamFor(attempt);
    const stopWaiting = onAbort(attempt.patience, () => this.#retire(stream));
    try {
      return await stream.beat(id, attempt.signal);
    } catch (error) {
      if (ConclaveError.is(error, 'TIMEOUT')) this.#retire(stream);
      throw error;
    } finally {
      stopWaiting();
    }
  }

  close(): void {
    for (const stream of [...this.#streams]) stream.cancel();
  }

  #streamFor(attempt: Attempt): KeepAliveStream {
    const current = this.#current;
    if (current?.channel === attempt.channel && current.metadata === attempt.metadata) return current;
    if (current !== undefined) this.#retire(current);
    const stream = new KeepAliveStream(attempt.channel, attempt.metadata, () => {
      this.#streams.delete(stream);
      if (this.#current === stream) this.#current = undefined;
    });
    this.#streams.add(stream);
    this.#current = stream;
    return stream;
  }

  #retire(stream: KeepAliveStream): void {
    if (this.#current === stream) this.#current = undefined;
    stream.retire();
  }
}
