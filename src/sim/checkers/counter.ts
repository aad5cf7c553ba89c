import type { History } from '../history.js';
import { factsOf, groupBy, isOk, type OkOperation, type Operation, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/**
 * Every addition is a power of two that no other adds, so that a value tells which of them are in it. Each is in the
 * last value once, if it ended well; a value that is told has in it what ended before it was asked for, and nothing
 * that was asked for after it was told. No number of a sequence is given twice, and a limiter allows no more than its
 * rate.
 */
export function counter(history: History): Violation[] {
  return [...counters(history), ...sequences(history), ...limits(history)];
}

function counters(history: History): Violation[] {
  const totals = new Map(factsOf(history, 'counter.total').map(({ object, data, note }) => [object, { data, note }]));
  const adds = groupBy(operationsOf(history, 'counter.add'), ({ object }) => object);
  return [...adds].flatMap(([object, all]) => {
    const total = totals.get(object);
    const possible = all.filter(({ result }) => result !== 'fail');
    const known = possible.reduce((sum, { input }) => sum + input.delta, 0n);
    const found: Violation[] = [];
    if (total !== undefined) {
      const { value } = total.data;
      if ((value & ~known) !== 0n) {
        found.push(broken('counter: once', `${object} is ${value}, which nobody’s additions make`, total.note));
      }
      for (const { input, result, end } of all) {
        if (result === 'ok' && (value & input.delta) === 0n) {
          found.push(broken('counter: kept', `${object} is ${value}, without ${input.delta}`, end, total.note));
        }
      }
    }
    const told = all.filter(isOk);
    return [...found, ...told.flatMap((add) => inOrder(object, add, add.output.value, all)), ...oneAfterAnother(told)];
  });
}

/** Each of the values that were told has in it all of the one before, and something more. */
function oneAfterAnother(told: readonly OkOperation<'counter.add'>[]): Violation[] {
  const sorted = [...told].sort((a, b) => (a.output.value < b.output.value ? -1 : 1));
  return sorted.flatMap((add, i) => {
    const before = sorted[i - 1];
    if (before === undefined) return [];
    const [was, is] = [before.output.value, add.output.value];
    if (was !== is && (was & ~is) === 0n) return [];
    return [
      broken('counter: in order', `${add.object}: ${was} and ${is} are not one after the other`, before.end, add.end),
    ];
  });
}

function inOrder(
  object: string,
  add: Operation<'counter.add'>,
  value: bigint,
  all: readonly Operation<'counter.add'>[],
) {
  return all.flatMap((other) => {
    const isIn = (value & other.input.delta) !== 0n;
    const missing = !isIn && (other === add || (other.result === 'ok' && other.endAt < add.from));
    const early = isIn && other.from > add.endAt;
    if (!missing && !early) return [];
    const message = `${object}: ${value} was told, ${missing ? 'without' : 'with'} ${other.input.delta}`;
    return [broken('counter: in order', message, other.invoke, add.invoke, add.end)];
  });
}

/** No number of a sequence is given twice. */
export function sequences(history: History): Violation[] {
  const given = new Map<string, Operation>();
  return operationsOf(history, 'sequence.next')
    .filter(isOk)
    .flatMap((next) => {
      const id = `${next.object} ${next.output.id}`;
      const before = given.get(id);
      given.set(id, next);
      if (before === undefined) return [];
      return [broken('counter: unique', `${next.object}: ${next.output.id} was given twice`, before.end, next.end)];
    });
}

/**
 * A limiter allows no more than its burst and its rate. Each process whose clock is ahead of those before it may add a
 * burst; so may one for whom time stood still.
 */
export function limits(history: History): Violation[] {
  return [...groupBy(operationsOf(history, 'limit.take').filter(isOk), ({ object }) => object)].flatMap(
    ([object, takes]) => {
      const allowed = takes.filter(({ output }) => output.allowed);
      const [first, last] = [allowed[0], allowed.at(-1)];
      if (first === undefined || last === undefined) return [];
      const { burst, intervalMs } = first.input;
      const processes = new Set(allowed.map(({ process }) => process)).size;
      const spanMs = (last.end?.atMs ?? 0) - first.invoke.atMs;
      const most = burst * (1 + processes) + Math.ceil(spanMs / intervalMs);
      if (allowed.length <= most) return [];
      const message = `${object}: ${allowed.length} were allowed in ${spanMs} ms, at most ${most} may be`;
      return [broken('counter: rate', message, first.end, last.end)];
    },
  );
}
