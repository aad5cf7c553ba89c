import type { Runtime } from '../../core/runtime.js';
import type { DuplexHandler, UnaryHandler } from '../../wire/rpc-service.js';
import { electionHandlers } from '../handlers/election.js';
import { lockHandlers } from '../handlers/lock.js';
import { observeHandler } from '../handlers/observe.js';
import type { CallerStores } from './caller-stores.js';
import { Places } from './places.js';

export interface ConcurrencyHandlers {
  readonly unary: readonly UnaryHandler<unknown, unknown>[];
  readonly duplex: readonly DuplexHandler<unknown, unknown>[];
}

/** `v3lockpb.Lock` and `v3electionpb.Election` over whatever `stores` reach. */
export function concurrencyHandlers(runtime: Runtime, stores: CallerStores): ConcurrencyHandlers {
  const places = new Places(runtime, stores);
  return { unary: [...lockHandlers(places), ...electionHandlers(places)], duplex: [observeHandler(places)] };
}
