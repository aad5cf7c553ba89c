import { createHook } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../../src/', import.meta.url));

/** A timer or immediate, as async hooks know it. */
interface Pending {
  readonly text: string;
  /** Of several timers of one delay (`timer-lane.ts`). When all were taken back it is left, and holds nothing open. */
  readonly lane: NodeJS.Timeout | undefined;
}

/**
 * Knows each host timer that a file of `src` has started and that has neither fired nor been cleared, with the line
 * that started it, or the first of its lane. The runner's own timers come and go at any moment, so counting all of them
 * would prove nothing.
 */
export class TimerWatch {
  readonly #pending = new Map<number, Pending>();
  readonly #hook = createHook({
    init: (id, type, _, resource) => {
      if (type !== 'Timeout' && type !== 'Immediate') return;
      const { stack = '' } = new Error();
      const line = lineOf(stack);
      if (line === undefined) return;
      const lane = stack.includes(laneFile) ? (resource as NodeJS.Timeout) : undefined;
      this.#pending.set(id, { text: `${type} of ${line}`, lane });
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
    return [...this.#pending.values()].filter(({ lane }) => lane?.hasRef() !== false).map(({ text }) => text);
  }
}

const laneFile = '/timer-lane.';

/** The nearest line of `src`, but for the runtime that starts every timer on behalf of others. */
function lineOf(stack: string): string | undefined {
  const lines = stack.split('\n').filter((line) => line.includes(sources));
  const caller = lines.find((line) => !line.includes('/node-runtime.') && !line.includes(laneFile)) ?? lines[0];
  return caller?.slice(caller.indexOf(sources) + sources.length - 'src/'.length).replace(/\)$/, '');
}
