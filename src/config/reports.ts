import { type Bytes, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { isPlainObject, jsonOrText } from '../core/plain.js';
import { randomHex } from '../core/runtime.js';
import { KeptKey } from '../lease/kept-key.js';
import type { RecipeContext } from '../line/context.js';
import type { KeyValue } from '../store/messages.js';
import { untilAnswered } from '../store/repeat.js';
import type { Place } from '../versions/place.js';
import type { WatcherId } from './rollout.js';
import type { ConfigStatus } from './watched-config.js';

/** Beside the values, below the namespace. */
const watchersRoot = 'config-watchers/';

/** Who shows what, as it says itself. */
export interface ConfigWatcher {
  readonly id: string;
  readonly labels: Readonly<Record<string, unknown>>;
  /** Of the last change that is shown there. */
  readonly revision: bigint;
  readonly status: ConfigStatus;
  readonly host: string | undefined;
  readonly pid: number | undefined;
  readonly leaseId: bigint;
}

/** What a reporter tells of. */
export interface Reported {
  readonly revision: bigint;
  readonly status: ConfigStatus;
}

/** Keeps one key that says what is shown here, for as long as it is. */
export class Reporter {
  readonly #kept: KeptKey;
  #gone = false;

  constructor(context: RecipeContext, place: Place, watcher: WatcherId, shown: Reported) {
    const nonce = randomHex(context.runtime);
    const { host, pid } = context.identity;
    const key = utf8(`${utf8Text(watchersPrefix(context, place))}${nonce}`);
    const value = () => {
      const { id, labels } = watcher;
      const { revision, status } = shown;
      return utf8(JSON.stringify({ id, labels, revision: `${revision}`, status, host, pid }));
    };
    this.#kept = new KeptKey(context, {
      key,
      session: () => context.sessions.current,
      value: () => (this.#gone ? undefined : value()),
      // The nonce is in the key: nobody else's can stand there.
      isOwn: () => true,
    });
  }

  start(): void {
    this.#kept.start('report').catch(() => {});
  }

  /** Something else is shown. */
  changed(): void {
    this.#kept.changed().catch(() => {});
  }

  /** Resolves when the key is gone, or with its lease will be. */
  async stop(): Promise<void> {
    this.#gone = true;
    await this.#kept.finish(new ConclaveError('CLOSED', 'the watch was closed')).catch(() => {});
  }
}

export async function watchersOf(
  context: RecipeContext,
  place: Place,
  signal: AbortSignal,
): Promise<readonly ConfigWatcher[]> {
  const key = watchersPrefix(context, place);
  const { store, runtime } = context;
  const range = () => store.range({ key, rangeEnd: prefixEnd(key) }, { signal });
  const { kvs } = await untilAnswered(runtime, signal, range);
  return kvs.map(watcherOf).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function watcherOf({ value, lease: leaseId }: KeyValue): ConfigWatcher {
  const read = jsonOrText(utf8Text(value));
  const { id, labels, revision, status, host, pid } = isPlainObject(read) ? read : {};
  return {
    id: String(id),
    labels: isPlainObject(labels) ? labels : {},
    revision: typeof revision === 'string' && /^\d+$/.test(revision) ? BigInt(revision) : 0n,
    status: status === 'live' || status === 'invalid' ? status : 'stale',
    host: typeof host === 'string' ? host : undefined,
    pid: typeof pid === 'number' ? pid : undefined,
    leaseId,
  };
}

/** Where those who show a place say so: `<namespace>config-watchers/<name>//<id>`. */
function watchersPrefix({ namespace }: RecipeContext, { name }: Place): Bytes {
  return utf8(`${namespace}${watchersRoot}${name}//`);
}
