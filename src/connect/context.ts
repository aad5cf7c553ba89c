import type { Runtime } from '../core/runtime.js';
import { SessionKeeper } from '../lease/session-keeper.js';
import type { RecipeContext } from '../line/context.js';
import { Crowds } from '../line/crowds.js';
import { thisProcess } from '../node/environment.js';
import type { Store } from '../store/store.js';
import type { ConnectOptions } from './options.js';

/** What the recipes of one connection work with. */
export function contextOf(store: Store, runtime: Runtime, options: ConnectOptions): RecipeContext {
  return {
    store,
    runtime,
    sessions: new SessionKeeper({ store, runtime }, { ttlMs: options.ttlMs }),
    crowds: new Crowds(),
    namespace: options.namespace ?? '',
    identity: thisProcess(options.label),
  };
}
