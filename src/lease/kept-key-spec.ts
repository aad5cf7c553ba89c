import type { Bytes } from '../core/bytes.js';
import type { KeyValue } from '../store/messages.js';
import type { MirrorChecks } from '../store/mirror-checks.js';
import type { Session } from './session.js';

/** What is to stand on the store, and whose it is. */
export interface KeptKeySpec {
  readonly key: Bytes;
  /** The session whose lease the key is to hang on now; a fresh one after a loss. Throws when there will be none. */
  session(): Session;
  /** The value that is to stand now; undefined: the key is to be absent. */
  value(): Bytes | undefined;
  /** Whether what stands there is this keeper's own work. */
  isOwn(found: KeyValue): boolean;
  /** Somebody else wrote into the own entry: takes in what of it is to stay. */
  adopt?(value: Bytes): void;
  /** Whether to take the key when it is somebody else's at the start. Default: that is a `CONFLICT`. */
  readonly takeOver?: boolean | undefined;
  /** Who kept the same key before, on the same leases: has ended, and does nothing more from now on. */
  readonly before?: { retire(): boolean } | undefined;
  /** Shared with others of the process. */
  readonly checks?: MirrorChecks | undefined;
}
