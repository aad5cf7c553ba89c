import { partition } from '../../core/halving.js';
import type { History, Plain } from '../history.js';
import { type Fact, factsOf, groupBy } from './operations.js';
import { crashesOf, endOf } from './phases.js';
import { plainText } from './plain-text.js';
import { broken, undecided, type Violation } from './violation.js';

type State = Fact<'state'>;
type View = Fact<'view'>;

/**
 * Every view is a state that existed, views never go back, and in the end everyone has seen the last state. States in
 * between may be left out. For every object of which the server's states are recorded.
 */
export function convergence(history: History): Violation[] {
  const states = groupBy(factsOf(history, 'state'), ({ object }) => object);
  const views = groupBy(factsOf(history, 'view'), ({ object }) => object);
  const unjudged = [...views.keys()].filter((object) => !states.has(object));
  return [
    ...unjudged.map((object) =>
      undecided('convergence: existed', `${object}: none of the server's states were recorded`),
    ),
    ...[...views].flatMap(([object, each]) => viewsOf(history, each, states.get(object) ?? [], 'convergence')),
  ];
}

/**
 * The same where DELETE events may be lost on the way (etcd #18089): a view that is fed by them then shows what never
 * was, and nobody can know. What can be asked is that it never goes back, and shows the last state in the end.
 */
export function convergenceThroughLostDeletes(history: History): Violation[] {
  const found = convergence(history);
  const lossy = factsOf(history, 'fault').some(({ data }) => (data as { word?: string }).word === 'dropped-delete');
  return lossy ? found.filter(({ rule }) => rule !== 'convergence: existed') : found;
}

/** The views of one object against its states; `name` goes before the guarantee. */
export function viewsOf(history: History, views: readonly View[], states: readonly State[], name: string): Violation[] {
  if (states.length === 0) return [];
  const observers = groupBy(views, ({ process, data }) => `${process}\n${data.observer}`);
  return [...observers.values()].flatMap((each) => [
    ...inOrder(each, states, name),
    ...lastSeen(history, each, states, name),
  ]);
}

function inOrder(views: readonly View[], states: readonly State[], name: string): Violation[] {
  const texts = states.map(({ data }) => plainText(data.value));
  const found: Violation[] = [];
  let cursor = 0;
  let previous: View | undefined;
  for (const view of views) {
    const text = plainText(view.data.value);
    const went = wentBack(previous, view, name);
    if (went !== undefined) found.push(went);
    const at = view.data.revision === undefined ? texts.indexOf(text, cursor) : stateAt(states, view.data.revision);
    if (at >= 0 && at >= cursor && texts[at] === text) {
      cursor = at;
      previous = view;
      continue;
    }
    if (went === undefined) found.push(wrongView(view, states, texts.indexOf(text), cursor, name));
  }
  return found;
}

function wentBack(previous: View | undefined, view: View, name: string): Violation | undefined {
  const [before, now] = [previous?.data.revision, view.data.revision];
  if (before === undefined || now === undefined || now >= before) return undefined;
  const message = `${whose(view)} was shown revision ${now} after revision ${before}`;
  return broken(`${name}: never back`, message, previous?.note, view.note);
}

function wrongView(view: View, states: readonly State[], firstAt: number, cursor: number, name: string): Violation {
  const { revision, value } = view.data;
  const text = plainText(value);
  if (firstAt < 0) {
    return broken(`${name}: existed`, `${whose(view)} was shown ${text}, which never was`, view.note);
  }
  if (revision === undefined) {
    const message = `${whose(view)} was shown ${text} again after a later state`;
    return broken(`${name}: never back`, message, states[cursor]?.note, view.note);
  }
  const there = states[stateAt(states, revision)];
  const message = `${whose(view)} was shown ${text} as revision ${revision}, where ${plainText(there?.data.value)} was`;
  return broken(`${name}: existed`, message, there?.note, view.note);
}

/** The place of the state that was in force at `revision`, or -1. States are in order. */
function stateAt(states: readonly State[], revision: bigint): number {
  return partition(states, ({ data }) => data.revision <= revision) - 1;
}

function lastSeen(history: History, views: readonly View[], states: readonly State[], name: string): Violation[] {
  const end = endOf(history);
  const [first] = views as readonly [View];
  const closed = factsOf(history, 'view.end').some(
    ({ process, data, at }) => process === first.process && data.observer === first.data.observer && at < end,
  );
  if (closed || (crashesOf(history).get(first.process) ?? end) < end) return [];
  const last = views.filter(({ at }) => at < end).at(-1);
  const truth = states.filter(({ at }) => at < end).at(-1);
  if (truth === undefined || plainText(last?.data.value) === plainText(truth.data.value)) return [];
  const message =
    `${whose(first)} was left at ${plainText(last?.data.value as Plain)}, and ` +
    `${plainText(truth.data.value)} is the last`;
  return [broken(`${name}: last seen`, message, last?.note, truth.note)];
}

function whose({ process, object, data }: View): string {
  return `${object}: observer ${data.observer} of ${process}`;
}
