import {
  type EvaluationContext,
  type JsonValue,
  type Logger,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  ProviderFatalError,
  ProviderNotReadyError,
  type ResolutionDetails,
} from '@openfeature/server-sdk';
import type { Conclave } from '../conclave.js';
import { ConclaveError } from '../core/errors.js';
import type { FlagSet, FlagsChange } from '../flags/flag-set.js';
import { FlagEvaluator } from './flag-evaluator.js';

export interface ConclaveFlagProviderOptions {
  /** How long `initialize` waits for the first flags, in milliseconds. Default: 10,000. */
  readonly initTimeoutMs?: number | undefined;
  /** Flags are stale when the store has not been heard for that long, in milliseconds. Default: 15,000. */
  readonly staleAfterMs?: number | undefined;
}

/**
 * An OpenFeature provider over the flags of a connection: `await OpenFeature.setProviderAndWait(new
 * ConclaveFlagProvider(conclave))`. Evaluates in this process, with flagd's own evaluator, what the store had last;
 * tells `CONFIGURATION_CHANGED` with the keys, `STALE` while the store is silent and `READY` after it. The connection
 * stays the caller's to close.
 */
export class ConclaveFlagProvider implements Provider {
  readonly metadata = { name: 'conclave' } as const;
  readonly runsOn = 'server';
  readonly events = new OpenFeatureEventEmitter();
  readonly #conclave: Conclave;
  readonly #options: ConclaveFlagProviderOptions;
  #flags: FlagSet | undefined;
  #evaluator: FlagEvaluator | undefined;

  constructor(conclave: Conclave, options: ConclaveFlagProviderOptions = {}) {
    this.#conclave = conclave;
    this.#options = options;
  }

  /** The flags as they are here, for a page of an operator's; undefined before `initialize`. */
  get flags(): FlagSet | undefined {
    return this.#flags;
  }

  /** @throws ProviderFatalError when the store refuses the caller, ConclaveError `TIMEOUT` when it does not answer. */
  async initialize(): Promise<void> {
    const { initTimeoutMs = 10_000, staleAfterMs } = this.#options;
    const flags = this.#conclave.flags.watch({ staleAfterMs });
    this.#flags?.close();
    this.#flags = flags;
    this.#evaluator = new FlagEvaluator(flags);
    flags.events.on('change', (change) => this.#changed(change));
    try {
      await flags.ready({ timeoutMs: initTimeoutMs });
    } catch (error) {
      if (!ConclaveError.is(error, 'TIMEOUT')) flags.close();
      if (ConclaveError.is(error, 'UNAUTHENTICATED', 'PERMISSION_DENIED')) throw new ProviderFatalError(error.message);
      // A store that answers later is heard all the same.
      if (ConclaveError.is(error, 'TIMEOUT')) this.#follow(flags, true);
      throw error;
    }
    this.#follow(flags, false);
  }

  onClose(): Promise<void> {
    this.#flags?.close();
    return Promise.resolve();
  }

  resolveBooleanEvaluation(key: string, defaultValue: boolean, context: EvaluationContext, logger: Logger) {
    return this.#resolve('boolean', key, defaultValue, context, logger);
  }

  resolveStringEvaluation(key: string, defaultValue: string, context: EvaluationContext, logger: Logger) {
    return this.#resolve('string', key, defaultValue, context, logger);
  }

  resolveNumberEvaluation(key: string, defaultValue: number, context: EvaluationContext, logger: Logger) {
    return this.#resolve('number', key, defaultValue, context, logger);
  }

  resolveObjectEvaluation<T extends JsonValue>(
    key: string,
    defaultValue: T,
    context: EvaluationContext,
    logger: Logger,
  ) {
    return this.#resolve('object', key, defaultValue, context, logger);
  }

  async #resolve<T extends JsonValue>(
    type: 'boolean' | 'string' | 'number' | 'object',
    key: string,
    defaultValue: T,
    context: EvaluationContext,
    logger: Logger,
  ): Promise<ResolutionDetails<T>> {
    if (this.#evaluator === undefined || this.#flags?.revision === 0n) {
      throw new ProviderNotReadyError('no flags are known yet');
    }
    return this.#evaluator.resolve(type, key, defaultValue, context, logger);
  }

  #changed({ flagsChanged }: FlagsChange): void {
    this.#evaluator?.changed(flagsChanged);
  }

  #follow(flags: FlagSet, late: boolean): void {
    if (late) flags.events.once('change', () => this.events.emit(ProviderEvents.Ready));
    flags.events.on('change', ({ flagsChanged, resync }) => {
      if (flagsChanged.length > 0) {
        this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...flagsChanged] });
      }
      // A change alone does not end a client's STALE.
      if (resync) this.events.emit(ProviderEvents.Ready);
    });
    flags.events.on('stale', (stale) => {
      if (stale)
        this.events.emit(ProviderEvents.Stale, { message: 'the store has not been heard; flags stay as they were' });
      else this.events.emit(ProviderEvents.Ready);
    });
    flags.events.on('end', ({ code, message }) => {
      if (code !== 'CLOSED') this.events.emit(ProviderEvents.Error, { message });
    });
  }
}
