import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import { MessageReader } from '../../wire/message-reader.js';
import type { CallEnvironment } from './call.js';

/** Whose messages they are. */
export interface InputOwner {
  onMessage(message: Bytes): void;
  /** There is nothing more to hear. */
  abort(error: ConclaveError): void;
}

/** What has come of a call's messages, with the bounds in time and bytes of those that are not complete. */
export class CallInput {
  readonly #environment: CallEnvironment;
  readonly #owner: InputOwner;
  readonly #reader: MessageReader;
  #countedBytes = 0;
  #isClosed = false;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(environment: CallEnvironment, owner: InputOwner) {
    this.#environment = environment;
    this.#owner = owner;
    this.#reader = new MessageReader(environment.limits.maxMessageBytes);
  }

  get isInsideMessage(): boolean {
    return this.#reader.heldBytes > 0;
  }

  /** When the message that is awaited has to be complete, on the connection's `DueTimer`. */
  get dueMs(): number {
    return this.#dueMs;
  }

  push(chunk: Bytes): void {
    if (this.#isClosed) return;
    try {
      this.#reader.push(chunk, (message) => this.#take(message));
    } catch (error) {
      this.#owner.abort(ConclaveError.from(error));
    }
    if (!this.#isClosed) this.#countPartialBytes();
  }

  /** The call fails unless a message is complete in time. */
  expectMessage(): void {
    const { timer, limits } = this.#environment;
    if (this.#dueMs === Number.POSITIVE_INFINITY) this.#dueMs = timer.dueIn(limits.messageTimeoutMs);
  }

  /** The message is late. */
  failLate(): void {
    const text = `grpc: the message did not arrive within ${this.#environment.limits.messageTimeoutMs} ms`;
    this.#owner.abort(new ConclaveError('TIMEOUT', text));
  }

  /** Gives up time and bytes; nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#reader.clear();
    this.#environment.partialBytes.add(-this.#countedBytes);
    this.#countedBytes = 0;
  }

  #take(message: Bytes): void {
    if (this.#isClosed) return;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#owner.onMessage(message);
  }

  #countPartialBytes(): void {
    const heldBytes = this.#reader.heldBytes;
    const added = heldBytes - this.#countedBytes;
    this.#countedBytes = heldBytes;
    if (added !== 0 && !this.#environment.partialBytes.add(added)) {
      const text = 'grpc: too many bytes of incomplete messages on this connection';
      this.#owner.abort(new ConclaveError('RESOURCE_EXHAUSTED', text));
    } else if (heldBytes > 0) {
      this.expectMessage();
    }
  }
}
