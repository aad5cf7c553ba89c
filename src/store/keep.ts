import { keepBytes } from '../core/bytes.js';
import type { KeyValue } from './messages.js';

/** For whoever keeps what an event brought for as long as its key stays as it is: what came with it is let go. */
export function keepKeyValue(kv: KeyValue): KeyValue {
  return { ...kv, key: keepBytes(kv.key), value: keepBytes(kv.value) };
}
