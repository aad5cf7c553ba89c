import { abortable, withDeadline } from '../core/abort.js';
import { Cancellation } from '../core/cancellation.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
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

/** The token of one user, fetched by the first call that needs it and shared by all. */
export class AuthToken {
  /** Goes with every call where there are no credentials. */
  readonly #metadata: Metadata;
  readonly #credentials: Credentials | undefined;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #closing = new Cancellation();
  #fetching: { readonly from: RpcChannel; readonly metadata: Promise<Metadata> } | undefined;
  /** What `#fetching` gave. */
  #current: Metadata | undefined;

  constructor(
    credentials: Credentials | undefined,
    runtime: Runtime,
    timeoutMs: number,
    metadata: Metadata = noMetadata,
  ) {
    this.#metadata = metadata;
    this.#credentials = credentials;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** What goes with a call that is sent now. Undefined: it has to be fetched. */
  get known(): Metadata | undefined {
    return this.#credentials === undefined ? this.#metadata : this.#current;
  }

  /** Rejects with `outcome: 'not-applied'`: the call that wanted to go with the token was never sent. */
  metadata(channel: RpcChannel): Promise<Metadata> {
    if (this.#credentials === undefined) return Promise.resolve(this.#metadata);
    // One that is on its way from another endpoint would fail with that one, and this one be left for it.
    if (this.#fetching === undefined || (this.#current === undefined && this.#fetching.from !== channel)) {
      const fetching = { from: channel, metadata: this.#fetch(channel, this.#credentials) };
      this.#fetching = fetching;
      // What was forgotten on its way stays so, and leaves alone what is fetched instead.
      const isWanted = () => this.#fetching === fetching;
      fetching.metadata.then(
        (metadata) => {
          if (isWanted()) this.#current = metadata;
        },
        () => {
          if (isWanted()) this.forget();
        },
      );
    }
    return this.#fetching.metadata;
  }

  /**
   * Whether `error` says that the server does not know the token in `metadata` (any more); if so it is forgotten.
   * etcd checks the token first, so that nothing was applied.
   */
  refused(metadata: Metadata, error: unknown): boolean {
    if (!isStaleToken(error)) return false;
    // A borrowed client holds the token itself, and has dropped it by now.
    if (this.#credentials === undefined) return error.message === etcdErrors.invalidAuthToken.text;
    // Another call may have had the same answer before, and the token be a new one already.
    if (this.#current === metadata) this.forget();
    return true;
  }

  /**
   * The next call fetches a new token. For the time after a lost stream: a restarted etcd knows no simple token, and
   * before 3.4.23 and 3.5.8 it then told watches `permission denied`, which is believed.
   */
  forget(): void {
    this.#fetching = undefined;
    this.#current = undefined;
  }

  close(error: ConclaveError): void {
    this.#closing.abort(error);
  }

  async #fetch(channel: RpcChannel, credentials: Credentials): Promise<Metadata> {
    const { username: name, password } = credentials;
    const options = { timeoutMs: this.#timeoutMs, signal: this.#closing };
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

function isStaleToken(error: unknown): error is ConclaveError {
  return ConclaveError.is(error, 'UNAUTHENTICATED') && staleTokenTexts.has(error.message);
}
