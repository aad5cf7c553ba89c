import type { History } from '../history.js';
import type { Grant } from '../vocabulary.js';
import { groupBy, type OkOperation } from './operations.js';
import { grantsOf, type HoldOp, holdOps } from './sections.js';
import { broken, type Violation } from './violation.js';

/** No fence is given twice, and who asks after another was granted gets a higher one. */
export function fenceGrowth(history: History): Violation[] {
  return growth(history, holdOps, 'fence-growth');
}

/** The same for some of the operations; `name` goes before the guarantee. */
export function growth(history: History, ops: readonly HoldOp[], name: string): Violation[] {
  const byObject = groupBy(grantsOf(history, ops), ({ acquire }) => acquire.object);
  return [...byObject.values()].flatMap((grants) => [...givenOnce(grants, name), ...growing(grants, name)]);
}

type Granted = { readonly acquire: OkOperation<HoldOp>; readonly grant: Grant };

function givenOnce(grants: readonly Granted[], name: string): Violation[] {
  return [...groupBy(grants, ({ grant }) => grant.fence)].flatMap(([fence, [first, second]]) => {
    if (second === undefined) return [];
    const { process, object } = second.acquire;
    const message = `${object}: ${process} was given fence ${fence}, which ${first?.acquire.process} had been given`;
    return [broken(`${name}: unique`, message, first?.acquire.end, second.acquire.end)];
  });
}

function growing(grants: readonly Granted[], name: string): Violation[] {
  const byEnd = [...grants].sort((a, b) => a.acquire.endAt - b.acquire.endAt);
  const byCall = [...grants].sort((a, b) => a.acquire.from - b.acquire.from);
  const found: Violation[] = [];
  let highest: Granted | undefined;
  let ended = 0;
  for (const later of byCall) {
    // Bounded: `ended` only grows.
    for (let each = byEnd[ended]; each !== undefined && each.acquire.endAt < later.acquire.from; each = byEnd[ended]) {
      if (highest === undefined || each.grant.fence > highest.grant.fence) highest = each;
      ended += 1;
    }
    if (highest === undefined || later.grant.fence > highest.grant.fence) continue;
    const { process, object } = later.acquire;
    const message =
      `${object}: ${process} asked after fence ${highest.grant.fence} was granted, and got ` + `${later.grant.fence}`;
    found.push(broken(`${name}: growing`, message, highest.acquire.end, later.acquire.invoke, later.acquire.end));
  }
  return found;
}
