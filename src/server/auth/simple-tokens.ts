import type { Runtime } from '../../core/runtime.js';

/** etcd's `--auth-token-ttl`: from the last use on. */
const ttlMs = 300_000;
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const length = 16;
/** Tokens that live at once; beyond it the one that was not used for longest goes. */
const maxTokens = 100_000;

interface Token {
  readonly user: string;
  expiresAtMs: number;
}

/**
 * etcd's simple tokens: 16 random letters, a dot and a running number. They live in memory only, so that none outlives
 * the server, and expire when they are looked at: no timer is needed.
 */
export class SimpleTokens {
  readonly #runtime: Runtime;
  /** Least recently used first. */
  readonly #tokens = new Map<string, Token>();
  #issued = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get size(): number {
    return this.#tokens.size;
  }

  issue(user: string): string {
    this.#dropExpired();
    this.#issued += 1;
    const token = `${randomLetters(this.#runtime)}.${this.#issued}`;
    this.#tokens.set(token, { user, expiresAtMs: this.#runtime.monotonicMs() + ttlMs });
    return token;
  }

  /** Whose token it is; the time starts again. */
  use(text: string): string | undefined {
    const token = this.#tokens.get(text);
    if (token === undefined) return undefined;
    const nowMs = this.#runtime.monotonicMs();
    this.#tokens.delete(text);
    if (token.expiresAtMs <= nowMs) return undefined;
    token.expiresAtMs = nowMs + ttlMs;
    this.#tokens.set(text, token);
    return token.user;
  }

  dropUser(user: string): void {
    for (const [text, token] of this.#tokens) if (token.user === user) this.#tokens.delete(text);
  }

  dropAll(): void {
    this.#tokens.clear();
  }

  #dropExpired(): void {
    const nowMs = this.#runtime.monotonicMs();
    for (const [text, { expiresAtMs }] of this.#tokens) {
      if (expiresAtMs > nowMs && this.#tokens.size < maxTokens) return;
      this.#tokens.delete(text);
    }
  }
}

/** Bytes that would favour some letters are drawn again; of 256 bytes 208 are taken, so that this ends soon. */
function randomLetters(runtime: Runtime): string {
  const bound = 256 - (256 % letters.length);
  let text = '';
  while (text.length < length) {
    for (const byte of runtime.randomBytes(length - text.length)) {
      if (byte < bound) text += letters[byte % letters.length];
    }
  }
  return text;
}
