import {
  ErrorCode,
  type EvaluationContext,
  type JsonValue,
  type Logger,
  ParseError,
  type ResolutionDetails,
} from '@openfeature/core';
import { FeatureFlag, FlagdCore } from '@openfeature/flagd-core';
import { ConclaveError } from '../core/errors.js';
import type { FlagDefinition } from '../flags/flag.js';
import { plainFlag } from './plain-flag.js';

/** What is evaluated: flags by key, and why others cannot be. */
export interface EvaluatedFlags {
  readonly flags: ReadonlyMap<string, FlagDefinition>;
  readonly problems: ReadonlyMap<string, string>;
  readonly metadata: NonNullable<FlagDefinition['metadata']>;
}

const silent: Logger = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

/** flagd compiles rules with `new Function` unless told not to. */
const core = { disableDynamicCodeGeneration: true } as const;

/**
 * flagd's own evaluator over flags that change one by one: each is made ready when it is first asked for after a
 * change, so that a change costs what it changes. Flags without rules need little for that (`plain-flag.ts`). A flag
 * that cannot be evaluated fails alone.
 */
export class FlagEvaluator {
  readonly #source: EvaluatedFlags;
  readonly #logger: Logger;
  readonly #ready = new Map<string, FeatureFlag>();
  readonly #core: FlagdCore;

  constructor(source: EvaluatedFlags, logger: Logger = silent) {
    this.#source = source;
    this.#logger = logger;
    const storage = {
      getFlag: (key: string) => this.#flag(key),
      getFlags: () => this.#all(),
      getFlagSetMetadata: () => ({ ...source.metadata }),
      setConfigurations: (): string[] => {
        throw new ConclaveError('UNSUPPORTED', 'flags come from the store');
      },
    };
    this.#core = new FlagdCore(storage, logger, core);
  }

  /** These flags are others now. */
  changed(keys: readonly string[]): void {
    for (const key of keys) this.#ready.delete(key);
  }

  /** @throws ParseError for a flag that is there and was never one. */
  resolve<T extends JsonValue>(
    type: 'boolean' | 'string' | 'number' | 'object',
    key: string,
    defaultValue: T,
    context: EvaluationContext,
    logger: Logger = this.#logger,
  ): ResolutionDetails<T> {
    const said = this.#core.resolve(type, key, defaultValue, context, logger);
    const problem = said.errorCode === ErrorCode.FLAG_NOT_FOUND ? this.#source.problems.get(key) : undefined;
    if (problem !== undefined) throw new ParseError(`flag '${key}': ${problem}`);
    return said;
  }

  #flag(key: string): FeatureFlag | undefined {
    const ready = this.#ready.get(key);
    if (ready !== undefined) return ready;
    const flag = this.#source.flags.get(key);
    const made = flag && (plainFlag(flag) ?? new FeatureFlag(key, unhashed(flag), this.#logger, core));
    // Of keys that are no flags nothing is kept: there may be one for each of a million users.
    if (made !== undefined) this.#ready.set(key, made);
    return made;
  }

  #all(): Map<string, FeatureFlag> {
    const all = [...this.#source.flags.keys()].map((key) => [key, this.#flag(key)] as const);
    return new Map(all.filter((each): each is [string, FeatureFlag] => each[1] !== undefined));
  }
}

type FlagOfCore = ConstructorParameters<typeof FeatureFlag>[1];

/**
 * The flag without a member that can be listed: flagd hashes all of those, to find out which flags of a file are others
 * now, and that takes longer than all else that a change costs. Here the store has told.
 */
function unhashed(flag: FlagDefinition): FlagOfCore {
  const members = Object.entries(flag).map(([name, value]) => [name, { value }] as const);
  // flagd's types know neither absent defaults nor rules that are no text.
  return Object.create(null, Object.fromEntries(members)) as FlagOfCore;
}
