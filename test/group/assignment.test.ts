import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign } from '../../src/group/assignment.js';

function loads(members: readonly string[], owners: ReadonlyMap<string, string>): number[] {
  return members.map((id) => [...owners.values()].filter((owner) => owner === id).length);
}

function moves(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  return [...after].filter(([item, id]) => before.get(item) !== id).length;
}

const names = (prefix: string, min: number, max: number) =>
  fc.integer({ min, max }).map((n) => Array.from({ length: n }, (_, i) => `${prefix}${i}`));

/** Items, members, and any owners at all, of whom some are no members. */
const situations = fc.tuple(names('item-', 1, 60), names('m', 1, 9)).chain(([items, members]) =>
  fc.record({
    items: fc.constant(items),
    members: fc.constant(members),
    owners: fc
      .array(fc.integer({ min: -2, max: members.length }), { minLength: items.length, maxLength: items.length })
      .map((picks) => new Map(items.flatMap((item, i) => ownerOf(item, picks[i] as number)))),
  }),
);

function ownerOf(item: string, pick: number): [string, string][] {
  return pick < 0 ? [] : [[item, `m${pick}`]];
}

describe('the assignment of items to members', () => {
  it('PARTITION-4: gives each item to one member, and nobody more than one more than another', () => {
    fc.assert(
      fc.property(situations, (situation) => {
        const wanted = assign(situation);
        expect([...wanted.keys()].sort()).toEqual([...situation.items].sort());
        const counts = loads(situation.members, wanted);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('PARTITION-5: moves what must move, and nothing else', () => {
    fc.assert(
      fc.property(situations, (situation) => {
        const { items, members, owners } = situation;
        const counts = loads(members, owners);
        const least = Math.floor(items.length / members.length);
        const odd = items.length % members.length;
        const kept = counts.sort((a, b) => b - a).map((count, i) => Math.min(count, least + (i < odd ? 1 : 0)));
        expect(moves(owners, assign(situation))).toBe(items.length - kept.reduce((sum, each) => sum + each, 0));
        expect(assign({ items, members, owners: assign(situation) })).toEqual(assign(situation));
      }),
    );
  });

  it('PARTITION-5: one more of ten takes a share from each, one less leaves its own to all', () => {
    const items = Array.from({ length: 100 }, (_, i) => `shard-${i}`);
    const ten = Array.from({ length: 10 }, (_, i) => `m${i}`);
    const before = assign({ items, members: ten, owners: new Map() });
    const eleven = assign({ items, members: [...ten, 'new'], owners: before });
    expect(moves(before, eleven)).toBe(9);
    expect([...eleven].every(([item, id]) => id === 'new' || before.get(item) === id)).toBe(true);
    const nine = assign({ items, members: ten.slice(1), owners: before });
    expect(moves(before, nine)).toBe(10);
  });

  it('PARTITION-5: members who look at it one after another, at what was a while ago, come to rest', () => {
    fc.assert(
      fc.property(situations, fc.infiniteStream(fc.nat()), (situation, chance) => {
        const { items, members } = situation;
        let truth = new Map([...situation.owners].filter(([, id]) => members.includes(id)));
        const seen = new Map(members.map((id) => [id, truth]));
        const next = (below: number) => (chance.next().value as number) % below;
        let taken = 0;
        // One member at a time does one thing, by a view that need not be of now.
        for (let i = 0; i < 3_000; i++) {
          const id = members[next(members.length)] as string;
          if (next(3) === 0) seen.set(id, truth);
          const view = new Map([...(seen.get(id) as typeof truth)].filter(([, owner]) => owner !== id));
          for (const [item, owner] of truth) if (owner === id) view.set(item, id);
          const wanted = assign({ items, members, owners: view });
          const due = items.filter((item) => (wanted.get(item) === id) !== (truth.get(item) === id));
          const item = due[next(Math.max(1, due.length))];
          if (item === undefined) continue;
          const owners = new Map(truth);
          if (truth.get(item) === id) owners.delete(item);
          else if (!truth.has(item)) {
            owners.set(item, id);
            taken += 1;
          }
          truth = owners;
        }
        expect(assign({ items, members, owners: truth })).toEqual(truth);
        expect(taken).toBeLessThanOrEqual(2 * items.length);
      }),
      { numRuns: 15 },
    );
  });
});
