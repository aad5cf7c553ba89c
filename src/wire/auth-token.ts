import { abortable, withDeadline } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { type ClockReading, elapsedMs, type Runtime } from '../core/runtime.js';
import { etcdErrors } from '../store/etcd-errors.js';
import { authMethods } from './methods.js';
import type { RpcChannel } from './rpc-channel.js';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What goes with every call. The same object as long as the token is the same. */
export type Metadata = Readonly<Record<string, string>>;

const noMetadata: Metadata = {};

/** For so long nobody doubts a token. etcd's simple tokens live for 5 minutes after their last use. */
const newMs = 60_000;

/** The token of one user, fetched by the first call that needs it and shared by all. */
export class AuthToken {
  readonly #credentials: Credentials | undefined;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();
  #fetching: Promise<Metadata> | undefined;
  /** What `#fetching` gave, and when. */
  #current: { readonly metadata: Metadata; readonly fetchedAt: ClockReading } | undefined;

  constructor(credentials: Credentials | undefined, runtime: Runtime, timeoutMs: number) {
    this.#credentials = credentials;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects with `outcome: 'not-applied'`: the call that wanted to go with the token was never sent. */
  metadata(channel: RpcChannel): Promise<Metadata> {
    if (this.#credentials === undefined) return Promise.resolve(noMetadata);
    if (this.#fetching === undefined) {
      const fetching = this.#fetch(channel, this.#credentials);
      this.#fetching = fetching;
      fetching.then(
        (metadata) => {
          this.#current = { metadata, fetchedAt: this.#runtime.clocks() };
        },
        () => this.forget(),
      );
    }
    return this.#fetching;
  }

  /**
   * Whether `error` says that the server does not know the token in `metadata` (any more); if so it is forgotten.
   * etcd checks the token first, so that nothing was applied.
   */
  refused(metadata: Metadata, error: unknown): boolean {
    if (this.#credentials === undefined || !isStaleToken(error)) return false;
    // Another call may have had the same answer before, and the token be a new one already.
    if (this.#current?.metadata === metadata) this.forget();
    return true;
  }

  /**
   * The same for a refused watch, which etcd 3.4 tells `permission denied` also if only the token is unknown. So a token
   * that is not new is replaced once before that is believed.
   */
  refusedWatch(metadata: Metadata, error: unknown): boolean {
    if (this.refused(metadata, error)) return true;
    if (this.#credentials === undefined || !ConclaveError.is(error, 'PERMISSION_DENIED')) return false;
    const current = this.#current;
    if (current?.metadata !== metadata) return true;
    if (elapsedMs(this.#runtime, current.fetchedAt) < newMs) return false;
    this.forget();
    return true;
  }

  /** The next call fetches a new token. Worth it after a lost connection: a restarted etcd knows no simple token. */
  forget(): void {
    this.#fetching = undefined;
    this.#current = undefined;
  }

  close(error: ConclaveError): void {
    this.#closing.abort(error);
  }

  async #fetch(channel: RpcChannel, credentials: Credentials): Promise<Metadata> {
    const { username: name, password } = credentials;
    const options = { timeoutMs: this.#timeoutMs, signal: this.#closing.signal };
    try {
      const { token } = await withDeadline(this.#runtime, `authenticate at ${channel.endpoint}`, options, (signal) =>
        abortable(channel.unary(authMethods.authenticate, { name, password }, { signal }), signal),
      );
      return { token };
    } catch (error) {
      const { code, message, retryable } = ConclaveError.from(error);
      // Credentials may be given for a server that asks for none.
      if (message === etcdErrors.authNotEnabled.text) return { ...noMetadata };
      throw new ConclaveError(code, message, { retryable, outcome: 'not-applied', cause: error });
    }
  }
}

const staleTokenTexts: ReadonlySet<string> = new Set([
  etcdErrors.invalidAuthToken.text,
  etcdErrors.authOldRevision.text,
  // Authentication was enabled after the first call.
  etcdErrors.userEmpty.text,
]);

function isStaleToken(error: unknown): boolean {
  return ConclaveError.is(error, 'UNAUTHENTICATED') && staleTokenTexts.has(error.message);
}
