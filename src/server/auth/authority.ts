import type { Bytes } from '../../core/bytes.js';
import type { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { AuthStore } from '../../engine/auth/auth-store.js';
import { etcdError } from '../../store/etcd-errors.js';
import { AttemptLimit } from './attempt-limit.js';
import type { PasswordHasher } from './password-hash.js';
import { SimpleTokens } from './simple-tokens.js';

export interface AuthorityOptions {
  readonly runtime: Runtime;
  readonly store: AuthStore;
  readonly hasher: PasswordHasher;
}

/** Who may log in, and who is logged in: users and roles with the passwords and tokens that the store knows not of. */
export class Authority {
  readonly store: AuthStore;
  readonly tokens: SimpleTokens;
  readonly #hasher: PasswordHasher;
  readonly #attempts: AttemptLimit;
  #decoy: Bytes | undefined;

  constructor({ runtime, store, hasher }: AuthorityOptions) {
    this.store = store;
    this.tokens = new SimpleTokens(runtime);
    this.#hasher = hasher;
    this.#attempts = new AttemptLimit(runtime);
  }

  /**
   * A token for `name`. An unknown user and a wrong password get the same answer after the same work. `address` is the
   * caller's, if it has one: guesses are counted by it.
   */
  async authenticate(name: string, password: string, address: string | undefined): Promise<string> {
    if (!this.store.enabled) throw etcdError('authNotEnabled');
    if (address !== undefined) this.#attempts.check(address);
    const user = this.store.user(name);
    if (user?.noPassword) throw this.#failure('noPasswordUser', address);
    this.#decoy ??= this.#hasher.decoy();
    const matches = await this.#hasher.matches(password, user?.passwordHash ?? this.#decoy);
    if (!matches || user === undefined) throw this.#failure('authFailed', address);
    if (!this.store.enabled) throw etcdError('authNotEnabled');
    // The user may have been deleted, or have got another password, while the hash was computed.
    if (this.store.user(name)?.passwordHash !== user.passwordHash) throw this.#failure('authFailed', address);
    return this.tokens.issue(name);
  }

  #failure(why: 'noPasswordUser' | 'authFailed', address: string | undefined): ConclaveError {
    if (address !== undefined) this.#attempts.failed(address);
    return etcdError(why);
  }

  hash(password: string): Promise<Bytes> {
    return this.#hasher.hash(password);
  }

  disable(): void {
    this.store.disable();
    this.tokens.dropAll();
  }

  deleteUser(name: string): void {
    this.store.deleteUser(name);
    this.tokens.dropUser(name);
  }

  changePassword(name: string, passwordHash: Bytes): void {
    this.store.changePassword(name, passwordHash);
    this.tokens.dropUser(name);
  }
}
