import { onAbort } from '../core/abort.js';
import { CliFailure, ExitCode } from './exit-code.js';

const handled = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type HandledSignal = (typeof handled)[number];

/** Takes the signals that ask a process to end, from `new` to `dispose`; afterwards they kill again. */
export class Signals implements Disposable {
  readonly #handled: readonly HandledSignal[];
  readonly #first = new AbortController();
  readonly #listeners = new Set<(signal: HandledSignal) => void>();
  readonly #onSignal = (signal: NodeJS.Signals) => {
    this.#first.abort(new CliFailure(ExitCode.interrupted, `interrupted by ${signal}`));
    for (const listener of this.#listeners) listener(signal as HandledSignal);
  };

  /** Default: all that ask to end. */
  constructor(signals: readonly HandledSignal[] = handled) {
    this.#handled = signals;
    for (const signal of signals) process.on(signal, this.#onSignal);
  }

  /** Aborts at the first one with a `CliFailure`. */
  get first(): AbortSignal {
    return this.#first.signal;
  }

  /** Calls `fn` at each one; returns the clean-up. */
  onEach(fn: (signal: HandledSignal) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** Whoever asks twice does not want to wait for what the first one began. */
  [Symbol.dispose](): void {
    for (const signal of this.#handled) process.off(signal, this.#onSignal);
  }
}

/** Resolves when one of `signals` aborts. */
export async function anyAbort(...signals: AbortSignal[]): Promise<void> {
  const cleanups: (() => void)[] = [];
  await new Promise<void>((resolve) => {
    for (const signal of signals) cleanups.push(onAbort(signal, () => resolve()));
  });
  for (const cleanup of cleanups) cleanup();
}
