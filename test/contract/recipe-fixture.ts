import { afterEach } from 'vitest';
import { Conclave } from '../../src/conclave.js';
import { prefixEnd, utf8 } from '../../src/core/bytes.js';
import type { ConclaveError } from '../../src/core/errors.js';
import type { Runtime } from '../../src/core/runtime.js';
import { Scope } from '../../src/core/scope.js';
import { SessionKeeper } from '../../src/lease/session-keeper.js';
import type { CrowdLimits } from '../../src/line/crowd.js';
import { Crowds } from '../../src/line/crowds.js';
import { follow } from '../../src/store/follow.js';
import { EventType } from '../../src/store/messages.js';
import { remove } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import type { Backend, Opened, OpenOptions } from '../support/backends.js';

/** What is special about a process. */
interface ProcessOptions {
  readonly ttlMs?: number | undefined;
  readonly label?: string | undefined;
  readonly crowds?: Partial<CrowdLimits> | undefined;
}

/** A store and the processes that coordinate over it. */
export interface Recipes {
  readonly opened: Opened;
  /** One more process: a connection, a session and a lease of its own. Closed with the test. */
  process(options?: ProcessOptions): Promise<Conclave>;
  /** Resolves when exactly `count` keys are below `prefix`, which is taken below that of the test. */
  places(prefix: string, count: number): Promise<void>;
}

/** Opens `backend` for one test; everything is closed after it. Call it once per suite, the result once per test. */
export function recipes(backend: Backend): (options?: OpenOptions) => Promise<Recipes> {
  const scopes: Scope[] = [];
  afterEach(async () => {
    for (const scope of scopes.splice(0)) await scope.close();
  });
  return async (options) => {
    const scope = new Scope();
    scopes.push(scope);
    const opened = await backend.open(options);
    scope.add(() => opened.close());
    return {
      opened,
      async process(options = {}) {
        const conclave = overStore(await opened.connect(), opened.runtime, opened.prefix, options);
        scope.add(() => conclave.close());
        return conclave;
      },
      places: (prefix, count) => untilCount(opened.store, opened.runtime, opened.prefix + prefix, count),
    };
  };
}

/** As `recipes`, for what leaves data behind: everything below `folders` is taken away after the test. Default: all. */
export function recipesOfData(backend: Backend, folders: readonly string[] = ['']): () => Promise<Recipes> {
  const open = recipes(backend);
  const cleanups = cleanupsAfterEach();
  return async () => {
    const recipe = await open();
    const { store, prefix } = recipe.opened;
    for (const folder of folders) {
      const key = utf8(prefix + folder);
      cleanups.push(() => store.txn({ success: [remove(key, { rangeEnd: prefixEnd(key) })] }));
    }
    return recipe;
  };
}

/** What is pushed to it runs after the test, in order. Call it once per suite. */
function cleanupsAfterEach(): (() => Promise<unknown>)[] {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
  return cleanups;
}

/** A connection as `connect()` makes it, over a store that somebody else closes. */
export function overStore(
  store: Store,
  runtime: Runtime,
  namespace: string,
  { ttlMs, label, crowds }: ProcessOptions = {},
): Conclave {
  const sessions = new SessionKeeper({ store, runtime }, { ttlMs });
  const context = { store, runtime, sessions, crowds: new Crowds(crowds), namespace, identity: { label } };
  return new Conclave(context, new Scope());
}

/** Resolves when exactly `count` keys are below `prefix`: waits for the store's own word, not for time. */
export function untilCount(store: Store, runtime: Runtime, prefix: string, count: number): Promise<void> {
  const key = utf8(prefix);
  const present = new Set<string>();
  const name = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
  return new Promise((resolve, reject) => {
    const check = () => {
      if (present.size !== count) return;
      stop();
      resolve();
    };
    const stop = follow(
      store,
      runtime,
      { key, rangeEnd: prefixEnd(key) },
      {
        onSnapshot: (kvs) => {
          present.clear();
          for (const kv of kvs) present.add(name(kv.key));
          check();
        },
        onEvents: (events) => {
          for (const { type, kv } of events) {
            if (type === EventType.delete) present.delete(name(kv.key));
            else present.add(name(kv.key));
          }
          check();
        },
        onEnd: (error: ConclaveError) => reject(error),
      },
    );
  });
}

/** Resolves with the reason when `signal` has aborted. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
}
