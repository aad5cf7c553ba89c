import type { SecureContextOptions } from 'node:tls';

/** The cluster behind the server: which of its members is asked. */
export class Members {
  /** For an `https:` cluster. */
  readonly tls: SecureContextOptions | undefined;
  readonly #urls: readonly string[];
  #index = 0;

  /** `urls`: `http://host:port` or `https://host:port`, at least one. */
  constructor(urls: readonly string[], tls?: SecureContextOptions) {
    this.#urls = urls;
    this.tls = tls;
  }

  get count(): number {
    return this.#urls.length;
  }

  get current(): string {
    return this.#urls[this.#index] as string;
  }

  /** `lost` is to be asked no more for now. Does nothing if that is known already. */
  leave(lost: string): void {
    if (this.current === lost) this.#index = (this.#index + 1) % this.#urls.length;
  }
}
