import { timingSafeEqual } from 'node:crypto';
import { encodeBase64 } from 'bcryptjs';
import { type Bytes, utf8, utf8Text } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import { BcryptWorkers } from './bcrypt-workers.js';

/** etcd's `--bcrypt-cost`: the number of rounds as a power of two. */
export const defaultBcryptCost = 10;
export const minBcryptCost = 4;
export const maxBcryptCost = 31;
/** A hash of a higher cost, which only root can bring in, would keep everybody else waiting for minutes. */
const maxComparedCost = 16;
/** bcrypt looks no further. */
const maxPasswordBytes = 72;
const saltBytes = 16;
/** Characters of version, cost and salt. */
const saltLength = 29;
const hashBytes = 23;
const pattern = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/**
 * Password hashes as etcd has them: bcrypt, which tells version, cost and salt itself, so that another cost keeps old
 * ones valid, and hashes may go from one server to the other.
 */
export class PasswordHasher {
  readonly #runtime: Runtime;
  readonly #cost: number;
  readonly #workers = new BcryptWorkers();
  /** Comparisons under way, by password and salt. */
  readonly #comparing = new Map<string, Promise<string>>();

  constructor(runtime: Runtime, cost = defaultBcryptCost) {
    if (!Number.isInteger(cost) || cost < minBcryptCost || cost > maxBcryptCost) {
      throw new ConclaveError('INVALID_ARGUMENT', `bcrypt's cost must be from ${minBcryptCost} to ${maxBcryptCost}`);
    }
    this.#runtime = runtime;
    this.#cost = cost;
  }

  /**
   * Rejects with `too many requests` if too many wait already, and for a password of more than 72 bytes, of which
   * bcrypt would ignore the rest (as etcd does since 3.5.10).
   */
  async hash(password: string): Promise<Bytes> {
    if (utf8(password).length > maxPasswordBytes) {
      throw new ConclaveError('INVALID_ARGUMENT', 'bcrypt: password length exceeds 72 bytes');
    }
    return utf8(await this.#workers.hash(password, this.#salt()));
  }

  /** False for a hash that cannot be read. Takes the same time whether or not it matches. */
  async matches(password: string, hash: Bytes): Promise<boolean> {
    const text = utf8Text(hash);
    const cost = pattern.exec(text)?.[1];
    if (cost === undefined || Number(cost) > maxComparedCost) return false;
    return timingSafeEqual(utf8(await this.#compare(password, text.slice(0, saltLength))), hash);
  }

  /** A fleet that logs in again after a restart says the same all at once, which is computed once. */
  #compare(password: string, salt: string): Promise<string> {
    const what = `${salt}${password}`;
    let hash = this.#comparing.get(what);
    if (hash === undefined) {
      hash = this.#workers.hash(password, salt).finally(() => this.#comparing.delete(what));
      this.#comparing.set(what, hash);
    }
    return hash;
  }

  /** A hash that no password is known to match: comparing with it takes as long as with a user's. */
  decoy(): Bytes {
    return utf8(`${this.#salt()}${this.#letters(hashBytes)}`);
  }

  close(): void {
    this.#workers.close();
  }

  /** `2a`, as Go's bcrypt has it. */
  #salt(): string {
    return `$2a$${String(this.#cost).padStart(2, '0')}$${this.#letters(saltBytes)}`;
  }

  /** So many bytes of chance in bcrypt's base64. */
  #letters(count: number): string {
    return encodeBase64([...this.#runtime.randomBytes(count)], count);
  }
}
