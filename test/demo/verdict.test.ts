import { expect, it } from 'vitest';

interface Story {
  turns: { name: string; value: number; fence?: string }[];
  leaders: { name: string; term: string }[];
  overlaps: number;
  counter: number;
}
const { verdict } = (await import(new URL('../../examples/demo/verdict.js', import.meta.url).href)) as {
  verdict(story: Story): { ok: boolean; text: string }[];
};
const { wrap } = (await import(new URL('../../examples/demo/timeline.js', import.meta.url).href)) as {
  wrap(text: string, width: number): string[];
};

const good: Story = {
  turns: [
    { name: 'ada', value: 1, fence: '7' },
    { name: 'cleo', value: 3, fence: '21' },
    { name: 'bob', value: 2, fence: '9' },
  ],
  leaders: [
    { name: 'ada', term: '3' },
    { name: 'bob', term: '12' },
  ],
  overlaps: 0,
  counter: 3,
};
const held = (story: Story) => verdict(story).map(({ ok }) => ok);

it('a good story holds', () => {
  expect(held(good)).toEqual([true, true, true, true]);
});

it.each<[string, Partial<Story>, number]>([
  ['a lost update: fewer in the store than were acknowledged', { counter: 2 }, 0],
  ['an increment that nobody made', { counter: 4 }, 0],
  ['nothing happened at all', { counter: 0, turns: [] }, 0],
  ['two were inside at once', { overlaps: 1 }, 1],
  ['two turns wrote the same value', { turns: good.turns.map((turn) => ({ ...turn, value: 1 })) }, 2],
  ['a later turn with an older fence', { turns: good.turns.map((turn, i) => ({ ...turn, fence: `${9 - i}` })) }, 2],
  ['turns without a fence', { turns: good.turns.map(({ name, value }) => ({ name, value })) }, 2],
  ['two leaders in one term', { leaders: [...good.leaders, { name: 'cleo', term: '12' }] }, 3],
  ['nobody ever led', { leaders: [] }, 3],
])('%s is broken', (_what, part, broken) => {
  const expected = [0, 1, 2, 3].map((i) => i !== broken);
  expect(held({ ...good, ...part })).toEqual(expected);
});

it('lines are wrapped between words, long words stay whole', () => {
  expect(wrap('three short words', 11)).toEqual(['three short', 'words']);
  expect(wrap('http://127.0.0.1:40237 is long', 10)).toEqual(['http://127.0.0.1:40237', 'is long']);
  expect(wrap('', 10)).toEqual(['']);
});
