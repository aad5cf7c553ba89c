import { type Bytes, latin1, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { parsePlain } from '../core/plain.js';
import { type Issue, judge, type StandardSchema } from '../core/standard-schema.js';
import { CompareResult, CompareTarget } from '../store/messages.js';
import { untilAnswered } from '../store/repeat.js';
import { placeOf, type Versioned } from '../versions/place.js';
import type { Check, Wish } from '../versions/write.js';
import { describeIssues } from './change.js';
import { mergeLayers } from './layers.js';
import { rolloutOf } from './rollout.js';
import { type Seeing, StoreLayer } from './store-layer.js';

export interface ValidationOptions {
  /** What the whole below `prefix`, or without one each value, must be after the write. */
  readonly schema?: StandardSchema | undefined;
  /** The keys of the write are below it. */
  readonly prefix?: string | undefined;
  /** What the watchers of the whole have as defaults. */
  readonly defaults?: unknown;
}

/**
 * A value as it is to stand on the store.
 * @throws ConclaveError `INVALID_ARGUMENT` for what JSON has no room for, `INVALID_VALUE` for what no watcher would
 * take.
 */
export function encodeValue(name: string, value: unknown): Bytes {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new ConclaveError('INVALID_ARGUMENT', `${name}: ${(error as Error).message}`, { cause: error });
  }
  if (text === undefined) throw new ConclaveError('INVALID_ARGUMENT', `${name}: ${typeof value} is nothing in JSON`);
  try {
    rolloutOf(parsePlain(text));
  } catch (error) {
    throw invalid([{ path: name, message: (error as Error).message }]);
  }
  return utf8(text);
}

/**
 * Asks the schema what the writes would make of things, on both sides of every rollout. Of a whole: guarded, so that
 * two writers whose values do not go together cannot both pass.
 */
export function checkOf(context: Versioned, wishes: readonly Wish[], options: ValidationOptions): Check {
  const { schema, prefix } = options;
  if (schema === undefined) return () => Promise.resolve([]);
  if (prefix === undefined) return () => checkEach(wishes, schema);
  return (signal) => checkWhole(context, wishes, { ...options, schema, prefix }, signal);
}

async function checkEach(wishes: readonly Wish[], schema: StandardSchema): Promise<[]> {
  for (const { name, bytes } of wishes) {
    if (bytes === undefined) continue;
    const value = parsePlain(utf8Text(bytes));
    const rollout = rolloutOf(value);
    for (const each of rollout === undefined ? [value] : [rollout.base, rollout.next]) {
      await ask(schema, each, name);
    }
  }
  return [];
}

async function checkWhole(
  context: Versioned,
  wishes: readonly Wish[],
  { schema, prefix, defaults }: ValidationOptions & { readonly schema: StandardSchema; readonly prefix: string },
  signal: AbortSignal,
): ReturnType<Check> {
  const { store, runtime } = context;
  const place = placeOf(context, { prefix });
  const { key, rangeEnd } = place;
  const { kvs, header } = await untilAnswered(runtime, signal, () => store.range({ key, rangeEnd }, { signal }));
  const values = new Map(kvs.map((kv) => [latin1(kv.key), kv.value]));
  for (const { name, bytes } of wishes) {
    const written = latin1(place.keyAt(name.slice(place.name.length)));
    if (bytes === undefined) values.delete(written);
    else values.set(written, bytes);
  }
  const sides: Seeing[] = [(_, { base }) => base, (_, { next }) => next];
  for (const seeing of sides) {
    const layer = new StoreLayer(place, 'json', seeing);
    for (const [each, value] of values) layer.set(each, { value });
    const whole = layer.assembled();
    if ('issues' in whole) throw invalid(whole.issues);
    await ask(schema, mergeLayers({ defaults, store: whole.value }), '');
  }
  const unchanged = {
    ...{ key, rangeEnd, target: CompareTarget.mod, result: CompareResult.less },
    modRevision: header.revision + 1n,
  };
  return [unchanged];
}

async function ask(schema: StandardSchema, value: unknown, name: string): Promise<void> {
  const verdict = await judge(schema, value);
  if (!('issues' in verdict)) return;
  const below = name === '' ? '' : `${name}/`;
  throw invalid(verdict.issues.map(({ path, message }) => ({ path: path === '' ? name : `${below}${path}`, message })));
}

export function invalid(issues: readonly Issue[]): ConclaveError {
  return new ConclaveError('INVALID_VALUE', describeIssues(issues), { cause: { issues } });
}
