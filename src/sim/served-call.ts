import type { RpcContext } from '../wire/rpc-service.js';

/** A call as its handler sees it. Few handlers look at the signal: there is one only for them. */
export class ServedCall implements RpcContext {
  readonly metadata: RpcContext['metadata'];
  #controller: AbortController | undefined;
  #over = false;

  constructor(metadata: RpcContext['metadata']) {
    this.metadata = metadata;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#over) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Whether a handler has looked at the signal. */
  get watched(): boolean {
    return this.#controller !== undefined;
  }

  /** The caller is gone, or needs nothing more. */
  end(): void {
    this.#over = true;
    this.#controller?.abort();
  }
}
