import { alternate, valuesOf } from '../alternate.js';
import { Lab, quickScale } from '../lab.js';
import { verdictsOf } from '../report/markdown.js';
import type { Opened, Row } from '../row.js';
import { openServers } from '../rows/server-calls.js';
import type { ServerKind } from '../servers/recipes.js';
import { isSlower } from '../verdict.js';

// npm run bench:check   A build that is slowed on purpose must show as slower, and the same build twice must not.

const rounds = 9;
const lab = new Lab({ ...quickScale, rounds });
try {
  process.exitCode = (await slowedIsSeen()) && (await sameIsSame()) ? 0 : 1;
} finally {
  await lab.close();
}

async function slowedIsSeen(): Promise<boolean> {
  const [plain, slowed] = await measure(['ours in modules', 'ours slowed']);
  return say('a slowed build shows as slower', isSlower(slowed, plain, 'more'));
}

async function sameIsSame(): Promise<boolean> {
  const [first, second] = await measure(['ours memory', 'ours memory again']);
  const differ = isSlower(first, second, 'more') || isSlower(second, first, 'more');
  return say('the same build twice shows no difference', !differ);
}

async function measure(kinds: readonly [ServerKind, ServerKind]): Promise<readonly [number[], number[]]> {
  const [a, b] = kinds;
  const row: Row = {
    id: `check/${b}`,
    title: 'put, 64 at a time',
    unit: 'calls/s',
    better: 'more',
    comparisons: [{ of: b, to: a }],
    open: (lab): Promise<Opened> =>
      openServers(lab, kinds, ({ port }) => {
        return { type: 'calls', port, call: 'put', concurrency: 64, durationMs: lab.scale.sampleMs };
      }),
  };
  const measured = await alternate(row, lab, () => {});
  for (const { text } of verdictsOf(measured)) console.log(text);
  return [valuesOf(measured, a), valuesOf(measured, b)];
}

function say(what: string, holds: boolean): boolean {
  console.log(`bench:check: ${what}: ${holds ? 'yes' : 'NO'}`);
  return holds;
}
