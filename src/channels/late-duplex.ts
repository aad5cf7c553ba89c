import type { Duplex, DuplexListener } from '../wire/rpc-channel.js';

/** A duplex call whose connection has yet to be found. Keeps until then what is sent. */
export class LateDuplex<Request, Response> implements Duplex<Request> {
  /** For the call once it is started. */
  readonly listener: DuplexListener<Response>;
  readonly #outer: DuplexListener<Response>;
  readonly #onOver: () => void;
  readonly #unsent: Request[] = [];
  #isHalfClosed = false;
  #call: Duplex<Request> | undefined;
  #over = false;

  /** `onOver` runs once, however the call ends. */
  constructor(outer: DuplexListener<Response>, onOver: () => void) {
    this.#outer = outer;
    this.#onOver = onOver;
    this.listener = {
      onMessage: (message) => {
        if (!this.#over) outer.onMessage(message);
      },
      onEnd: (error) => this.end(error),
    };
  }

  get over(): boolean {
    return this.#over;
  }

  started(call: Duplex<Request>): void {
    if (this.#over) {
      call.cancel();
      return;
    }
    this.#call = call;
    for (const message of this.#unsent.splice(0)) call.send(message);
    if (this.#isHalfClosed) call.halfClose();
  }

  send(message: Request): void {
    if (this.#over) return;
    if (this.#call === undefined) this.#unsent.push(message);
    else this.#call.send(message);
  }

  halfClose(): void {
    this.#isHalfClosed = true;
    if (!this.#over) this.#call?.halfClose();
  }

  cancel(): void {
    if (!this.#finish()) return;
    this.#call?.cancel();
  }

  /** Ends the call from below; the listener is told. */
  end(error: Error | undefined): void {
    if (!this.#finish()) return;
    this.#call?.cancel();
    this.#outer.onEnd(error);
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#onOver();
    return true;
  }
}
