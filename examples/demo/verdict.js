// Whether what was told and what is stored agree with what Conclave promises. Pure: test/demo/verdict.test.ts gives it
// bad stories.

/**
 * `turns`: `{ name, value, fence }` of each acknowledged increment. `leaders`: `{ name, term }` of each who said that
 * it led. `overlaps`: how often somebody met somebody else inside. `counter`: what the store says at the end.
 */
export function verdict({ turns, leaders, overlaps, counter }) {
  return [
    {
      ok: turns.length > 0 && counter === turns.length,
      text: `the counter is ${counter} after ${turns.length} acknowledged increments`,
    },
    { ok: overlaps === 0, text: `${overlaps} times were two inside at once` },
    { ok: fencesGrow(turns), text: 'every turn had a higher fence than the one before' },
    { ok: leaders.length > 0 && oneLeaderPerTerm(leaders), text: `${leaders.length} terms, one leader each` },
  ];
}

function fencesGrow(turns) {
  const inOrder = [...turns].sort((a, b) => a.value - b.value);
  return inOrder.every(({ value, fence }, i) => {
    const before = inOrder[i - 1];
    return before === undefined || (value > before.value && BigInt(fence ?? 0) > BigInt(before.fence ?? 0));
  });
}

function oneLeaderPerTerm(leaders) {
  return new Set(leaders.map(({ term }) => term)).size === leaders.length;
}
