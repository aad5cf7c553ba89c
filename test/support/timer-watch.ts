import { createHook } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../../src/', import.meta.url));

/**
 * Knows each host timer that a file of `src` has started and that has neither fired nor been cleared, with the line
 * that started it. The runner's own timers come and go at any moment, so counting all of them would prove nothing.
 */
export class TimerWatch {
  readonly #pending = new Map<number, string>();
  readonly #hook = createHook({
    init: (id, type) => {
      if (type !== 'Timeout' && type !== 'Immediate') return;
      const line = lineOf(new Error().stack ?? '');
      if (line !== undefined) this.#pending.set(id, `${type} of ${line}`);
    },
    destroy: (id) => {
      this.#pending.delete(id);
    },
  });

  start(): void {
    this.#hook.enable();
  }

  stop(): void {
    this.#hook.disable();
    this.#pending.clear();
  }

  get pending(): string[] {
    return [...this.#pending.values()];
  }
}

/** The nearest line of `src`, but for the runtime that starts every timer on behalf of others. */
function lineOf(stack: string): string | undefined {
  const lines = stack.split('\n').filter((line) => line.includes(sources));
  const caller = lines.find((line) => !line.includes('/node-runtime.')) ?? lines[0];
  return caller?.slice(caller.indexOf(sources) + sources.length - 'src/'.length).replace(/\)$/, '');
}
