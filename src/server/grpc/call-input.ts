import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { CallEnvironment } from './call.js';
import { FrameReader } from './frame-reader.js';

/** What has come of a call's messages, with the bounds in time and bytes of those that are not complete. */
export class CallInput {
  readonly #environment: CallEnvironment;
  readonly #reader: FrameReader;
  readonly #onMessage: (message: Bytes) => void;
  readonly #onFailure: (error: ConclaveError) => void;
  #countedBytes = 0;
  #isClosed = false;
  #stopTimer: (() => void) | undefined;

  constructor(
    environment: CallEnvironment,
    onMessage: (message: Bytes) => void,
    onFailure: (error: ConclaveError) => void,
  ) {
    this.#environment = environment;
    this.#reader = new FrameReader(environment.limits.maxMessageBytes);
    this.#onMessage = onMessage;
    this.#onFailure = onFailure;
  }

  get isInsideMessage(): boolean {
    return this.#reader.heldBytes > 0;
  }

  push(chunk: Bytes): void {
    if (this.#isClosed) return;
    try {
      this.#reader.push(chunk, (message) => this.#take(message));
    } catch (error) {
      this.#onFailure(ConclaveError.from(error));
    }
    if (!this.#isClosed) this.#countPartialBytes();
  }

  /** Fails the call unless a message is complete in time. */
  expectMessage(): void {
    if (this.#stopTimer !== undefined) return;
    const { runtime, limits } = this.#environment;
    const text = `grpc: the message did not arrive within ${limits.messageTimeoutMs} ms`;
    const onLate = () => this.#onFailure(new ConclaveError('TIMEOUT', text));
    this.#stopTimer = runtime.setTimer(limits.messageTimeoutMs, onLate);
  }

  /** Gives up timer and bytes; nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    this.#clearTimer();
    this.#reader.clear();
    this.#environment.partialBytes.add(-this.#countedBytes);
    this.#countedBytes = 0;
  }

  #take(message: Bytes): void {
    if (this.#isClosed) return;
    this.#clearTimer();
    this.#onMessage(message);
  }

  #countPartialBytes(): void {
    const heldBytes = this.#reader.heldBytes;
    const added = heldBytes - this.#countedBytes;
    this.#countedBytes = heldBytes;
    if (added !== 0 && !this.#environment.partialBytes.add(added)) {
      const text = 'grpc: too many bytes of incomplete messages on this connection';
      this.#onFailure(new ConclaveError('RESOURCE_EXHAUSTED', text));
    } else if (heldBytes > 0) {
      this.expectMessage();
    }
  }

  #clearTimer(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}
