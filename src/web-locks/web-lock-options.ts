export type WebLockMode = 'exclusive' | 'shared';

/** As the specification's `LockOptions`. */
export interface WebLockOptions {
  /** Default: `exclusive`. */
  readonly mode?: WebLockMode | undefined;
  /** Do not wait: the callback gets null if somebody has it, or stands before us. */
  readonly ifAvailable?: boolean | undefined;
  /** Take it from those who hold it, before those who wait. */
  readonly steal?: boolean | undefined;
  /** Ends the wait; once the lock is granted it is ignored. */
  readonly signal?: AbortSignal | undefined;
}

/** What is asked for, with every default filled in. */
export interface WebLockWish {
  readonly mode: WebLockMode;
  readonly ifAvailable: boolean;
  readonly steal: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * The options as Web IDL converts them, checked as the specification's `request()` does, in its order.
 * @throws TypeError for what has the wrong type; DOMException `NotSupportedError` for what does not go together;
 * `signal.reason` if it has aborted.
 */
export function webLockWish(name: string, options: unknown): WebLockWish {
  if (options !== undefined && options !== null && typeof options !== 'object' && typeof options !== 'function') {
    throw new TypeError('the options of a lock request must be an object');
  }
  const given = (options ?? {}) as { readonly [Name in keyof WebLockOptions]: unknown };
  const ifAvailable = Boolean(given.ifAvailable);
  const mode = given.mode === undefined ? 'exclusive' : String(given.mode);
  if (mode !== 'exclusive' && mode !== 'shared') throw new TypeError(`no lock mode is called ${JSON.stringify(mode)}`);
  const { signal } = given;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('signal must be an AbortSignal');
  const steal = Boolean(given.steal);
  if (name.startsWith('-')) throw notSupported('names of locks do not begin with "-"');
  if (steal && ifAvailable) throw notSupported('steal and ifAvailable exclude each other');
  if (steal && mode !== 'exclusive') throw notSupported('only an exclusive lock can be stolen');
  if (signal !== undefined && (steal || ifAvailable)) {
    throw notSupported('a request that does not wait takes no signal');
  }
  signal?.throwIfAborted();
  return { mode, ifAvailable, steal, signal };
}

function notSupported(why: string): DOMException {
  return new DOMException(why, 'NotSupportedError');
}
