import type { Entry, History } from '../history.js';
import { type Fact, factsOf, groupBy } from './operations.js';
import { calmFromMs, crashesOf, endOf } from './phases.js';
import { plainText } from './plain-text.js';
import { broken, type Violation } from './violation.js';

type State = Fact<'state'>;
type View = Fact<'view'>;

/** How long after the server came to a state an observer was shown it, or a later one. */
export interface Lag {
  readonly state: State;
  /** When the clock starts: when the state came, or when the last fault ended. */
  readonly fromMs: number;
  /** At least, for one that it had not been shown when it crashed, or when the run was over. */
  readonly ms: number;
  readonly observer: string;
}

/** Within which 99 of 100 states are shown that come after the last fault (reliability.md, P7). */
export const convergedMs = 100;

/** From the last fault on, until streams that broke are open again and what was on the way has arrived. */
const reopenedMs = 5_000;

/** No longer than that, whatever had to be found out: a lost DELETE takes two checks, an answer a request's timeout. */
const convergedAtLastMs = 16_000;

/**
 * After the last fault every observer is soon shown the present state; and each later one at once, when streams had
 * time to open again.
 */
export function convergenceInTime(history: History): Violation[] {
  const calmMs = calmFromMs(history);
  return lagsOf(history).flatMap(({ state, fromMs, ms, observer }) => {
    const boundMs = fromMs > calmMs + reopenedMs ? convergedMs : convergedAtLastMs;
    if (ms <= boundMs) return [];
    const message = `${observer} was shown ${plainText(state.data.value)} ${ms} ms late, ${boundMs} at most`;
    return [broken('convergence: in time', message, state.note)];
  });
}

/** Of the state at the last fault's end, and of each that came afterwards, for every observer that was there. */
export function lagsOf(history: History): Lag[] {
  const states = groupBy(factsOf(history, 'state'), ({ object }) => object);
  const observers = groupBy(factsOf(history, 'view'), ({ process, object, data }) =>
    [object, data.observer, process].join(' of '),
  );
  return [...observers].flatMap(([observer, views]) => {
    const [first] = views as [View];
    return lagsOfOne(history, observer, views, states.get(first.object) ?? []);
  });
}

function lagsOfOne(history: History, observer: string, views: readonly View[], states: readonly State[]): Lag[] {
  const [first] = views as [View];
  const over = Math.min(endOf(history), crashesOf(history).get(first.process) ?? Number.POSITIVE_INFINITY);
  const overMs = (history[Math.min(over, history.length - 1)] as Entry).atMs;
  const calmMs = calmFromMs(history);
  const startMs = Math.max(calmMs, first.note.atMs);
  const lags = new Map<number, Lag>();
  states.forEach((state, i) => {
    const next = states[i + 1];
    const fromMs = Math.max(startMs, state.note.atMs);
    if (fromMs >= overMs || (next !== undefined && next.note.atMs < startMs)) return;
    const seenMs = Math.min(overMs, shownAtMs(state, views, states.slice(i + 1), fromMs));
    // What was missed and then is shown all at once counts once, as late as the first of it.
    if (!lags.has(seenMs)) lags.set(seenMs, { state, fromMs, ms: seenMs - fromMs, observer });
  });
  return [...lags.values()];
}

/** When a view was at least as new, or when the server came back to what was shown all the time. */
function shownAtMs(state: State, views: readonly View[], later: readonly State[], fromMs: number): number {
  const shows = (view: View) => (view.data.revision ?? -1n) >= state.data.revision || sameValue(view, state);
  const current = views.findLast(({ note }) => note.atMs <= fromMs);
  if (current !== undefined && shows(current)) return fromMs;
  const view = views.find((each) => each.note.atMs > fromMs && shows(each));
  const back = later.find((each) => current !== undefined && sameValue(current, each));
  return Math.min(view?.note.atMs ?? Number.POSITIVE_INFINITY, back?.note.atMs ?? Number.POSITIVE_INFINITY);
}

function sameValue(view: View, state: State): boolean {
  return plainText(view.data.value) === plainText(state.data.value);
}
