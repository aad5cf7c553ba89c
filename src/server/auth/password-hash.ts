import { scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { type Bytes, utf8, utf8Text } from '../../core/bytes.js';
import type { Runtime } from '../../core/runtime.js';
import { BoundedWork } from './bounded-work.js';

/** scrypt's N as a power of two, r and p. */
export interface HashCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** About as strong as scrypt's usual N of 2^17, in 16 MiB instead of 128. */
export const defaultHashCost: HashCost = { logN: 14, r: 8, p: 5 };

/** More than one would take threads of Node's pool from the disk. */
const maxRunning = 1;
const maxWaiting = 16;
const saltBytes = 16;
const hashBytes = 32;
const maxMemoryBytes = 256 * 1024 * 1024;

const derive = promisify<string, Bytes, number, object, Buffer>(scrypt);

/**
 * Password hashes: salted scrypt, in Node's thread pool. etcd uses bcrypt, which Node does not have; hashes never leave
 * a server, so that nobody can tell. The cost is part of the hash: raising it keeps old ones valid.
 */
export class PasswordHasher {
  readonly #runtime: Runtime;
  readonly #cost: HashCost;
  readonly #work = new BoundedWork(maxRunning, maxWaiting);

  constructor(runtime: Runtime, cost: HashCost = defaultHashCost) {
    this.#runtime = runtime;
    this.#cost = cost;
  }

  /** Rejects with `too many requests` if too many wait already. */
  async hash(password: string): Promise<Bytes> {
    const salt = this.#runtime.randomBytes(saltBytes);
    const key = await this.#work.run(() => derive(password, salt, hashBytes, options(this.#cost)));
    return encode({ cost: this.#cost, salt, key });
  }

  /** False for a hash that cannot be read. Takes the same time whether or not it matches. */
  async matches(password: string, hash: Bytes): Promise<boolean> {
    const parts = decode(hash);
    if (parts === undefined) return false;
    const key = await this.#work.run(() => derive(password, parts.salt, parts.key.length, options(parts.cost)));
    return timingSafeEqual(key, parts.key);
  }

  /** A hash that no password matches: comparing with it takes as long as with a user's. */
  decoy(): Bytes {
    const random = (length: number) => this.#runtime.randomBytes(length);
    return encode({ cost: this.#cost, salt: random(saltBytes), key: random(hashBytes) });
  }
}

interface HashParts {
  readonly cost: HashCost;
  readonly salt: Bytes;
  readonly key: Bytes;
}

function options({ logN, r, p }: HashCost): object {
  return { N: 2 ** logN, r, p, maxmem: maxMemoryBytes };
}

function encode({ cost: { logN, r, p }, salt, key }: HashParts): Bytes {
  return utf8(`scrypt$${logN}$${r}$${p}$${base64(salt)}$${base64(key)}`);
}

function decode(hash: Bytes): HashParts | undefined {
  const [, logN, r, p, salt, key] = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([^$]+)\$([^$]+)$/.exec(utf8Text(hash)) ?? [];
  if (salt === undefined || key === undefined) return undefined;
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  return { cost, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') };
}

function base64(bytes: Bytes): string {
  return Buffer.from(bytes).toString('base64');
}
