import { type Bytes, utf8, utf8Text } from '../core/bytes.js';
import type { Identity } from './context.js';

/** What a place tells about its owner. Foreign places (Go, etcdctl) are empty and tell nothing. */
export interface Holder extends Identity {
  /** When it came into the line, by its own wall clock, in milliseconds since 1970. */
  readonly sinceMs?: number | undefined;
  /** How many callers of its process the place stood for when it was made, itself included. Default: one. */
  readonly callers?: number | undefined;
}

export function encodeHolder({ host, pid, label }: Identity, sinceMs: number, callers = 1): Bytes {
  const some = callers > 1 ? callers : undefined;
  const holder: Holder = { host, pid, label, sinceMs: Math.round(sinceMs), callers: some };
  return utf8(JSON.stringify(holder));
}

/** Whatever is not a holder of ours reads as nothing known: what is read here never decides anything. */
export function decodeHolder(value: Bytes): Holder {
  let read: unknown;
  try {
    read = JSON.parse(utf8Text(value));
  } catch {
    return {};
  }
  if (typeof read !== 'object' || read === null) return {};
  const { host, pid, label, sinceMs, callers } = read as Record<string, unknown>;
  return {
    ...(typeof host === 'string' && { host }),
    ...(typeof pid === 'number' && { pid }),
    ...(typeof label === 'string' && { label }),
    ...(typeof sinceMs === 'number' && { sinceMs }),
    ...(typeof callers === 'number' && { callers }),
  };
}
