import type { History, Plain } from '../history.js';
import { viewsOf } from './convergence.js';
import { growth } from './fence-growth.js';
import { exclusive } from './mutual-exclusion.js';
import { type Fact, factsOf, groupBy, isOk, type OkOperation, type Operation, operationsOf } from './operations.js';
import { plainText } from './plain-text.js';
import { grantsOf, sectionsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/** What an observer yields: null while nobody leads. */
type Leader = { readonly term: bigint; readonly value: string };
type Shown = Leader | null;
type View = Fact<'view'>;

/**
 * One leader per term and at a time, terms grow, only the leader proclaims; observers are shown leaders that were, in
 * order of their terms, and null when nobody leads.
 */
export function election(history: History): Violation[] {
  const campaigns = operationsOf(history, 'election.campaign');
  const byElection = groupBy(campaigns, ({ object }) => object);
  const views = factsOf(history, 'view').filter(({ object }) => byElection.has(object));
  const states = groupBy(factsOf(history, 'state'), ({ object }) => object);
  return [
    ...growth(history, ['election.campaign'], 'election: terms'),
    ...exclusive(history, ['election.campaign'], 'election: one leader'),
    ...proclaims(history),
    ...[...groupBy(views, ({ object }) => object)].flatMap(([object, each]) => [
      ...observed(history, object, each),
      ...viewsOf(history, each, states.get(object) ?? [], 'election: observers'),
    ]),
  ];
}

function proclaims(history: History): Violation[] {
  const grants = grantsOf(history, ['election.campaign']);
  const sections = sectionsOf(history, ['election.campaign']);
  const applied = operationsOf(history, 'election.proclaim').filter(isOk);
  return applied.flatMap((proclaim) => {
    const { object, process, input, from, invoke, end } = proclaim;
    const own = grants.some(
      ({ acquire, grant }) => acquire.object === object && acquire.process === process && grant.fence === input.fence,
    );
    if (!own) {
      const message = `${object}: ${process} proclaimed in term ${input.fence}, which it never led`;
      return [broken('election: proclaim only by the leader', message, invoke, end)];
    }
    const later = sections.get(object)?.find((each) => each.grant.fence > input.fence && each.from < from);
    if (later === undefined) return [];
    const message = `${object}: ${process} proclaimed in term ${input.fence} when term ${later.grant.fence} had begun`;
    return [broken('election: proclaim only by the leader', message, later.acquire.end, invoke, end)];
  });
}

function observed(history: History, object: string, views: readonly View[]): Violation[] {
  const values = valuesOfTerms(history, object);
  const observers = groupBy(views, ({ process, data }) => `${process}\n${data.observer}`);
  return [...observers.values()].flatMap((each) => [...termsInOrder(each), ...valuesInOrder(each, values)]);
}

function termsInOrder(views: readonly View[]): Violation[] {
  let last: View | undefined;
  let goneSince: View | undefined;
  return views.flatMap((view) => {
    const shown = shownIn(view);
    if (shown === null) {
      goneSince = view;
      return [];
    }
    const before = last === undefined ? undefined : (shownIn(last) as Leader).term;
    const [previous, gone] = [last, goneSince];
    goneSince = undefined;
    if (before !== undefined && shown.term < before) {
      const message = `${view.object}: ${view.process} was shown term ${shown.term} after term ${before}`;
      return [broken('election: observers never go back', message, previous?.note, view.note)];
    }
    last = view;
    if (shown.term !== before || gone === undefined) return [];
    const message = `${view.object}: ${view.process} was shown nobody, and then term ${shown.term} again`;
    return [broken('election: null when nobody leads', message, previous?.note, gone.note, view.note)];
  });
}

/** What may be seen of a term: the campaign's value, then what was proclaimed in it, in order. */
interface Values {
  readonly ofTerm: ReadonlyMap<bigint, readonly string[]>;
  /** Of campaigns whose term nobody was told, or not yet. */
  readonly ofOthers: ReadonlySet<string>;
}

function valuesOfTerms(history: History, object: string): Values {
  const campaigns = operationsOf(history, 'election.campaign').filter((each) => each.object === object);
  const proclaimed = operationsOf(history, 'election.proclaim').filter(
    (each) => each.object === object && each.result !== 'fail',
  );
  const ofTerm = new Map<bigint, string[]>();
  for (const campaign of campaigns) {
    const grant = isOk(campaign) ? (campaign as OkOperation<'election.campaign'>).output : null;
    if (grant !== null) ofTerm.set(grant.fence, [campaign.input.value]);
  }
  for (const { input } of proclaimed) ofTerm.get(input.fence)?.push(input.value);
  const others = campaigns.filter((each: Operation<'election.campaign'>) => !isOk(each) || each.output === null);
  return { ofTerm, ofOthers: new Set(others.map(({ input }) => input.value)) };
}

function valuesInOrder(views: readonly View[], { ofTerm, ofOthers }: Values): Violation[] {
  let term: bigint | undefined;
  let cursor = 0;
  return views.flatMap((view) => {
    const shown = shownIn(view);
    if (shown === null) return [];
    if (shown.term !== term) [term, cursor] = [shown.term, 0];
    const values = ofTerm.get(shown.term);
    if (values === undefined && ofOthers.has(shown.value)) return [];
    const at = values?.indexOf(shown.value, cursor) ?? -1;
    if (at >= 0) {
      cursor = at;
      return [];
    }
    const message =
      `${view.object}: ${view.process} was shown ${plainText(view.data.value)}, which was not, or was ` + `before`;
    return [broken('election: observers see what was', message, view.note)];
  });
}

function shownIn({ data }: View): Shown {
  const value: Plain = data.value;
  return value as Shown;
}
