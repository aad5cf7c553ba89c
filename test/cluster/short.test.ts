import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { showViolation } from '../../src/sim/checkers/index.js';
import { describeSkipped } from '../support/skip.js';
import { builtTree } from './build.js';
import { etcdBinary } from './etcd-binary.js';
import { verdictOf } from './report/verdict.js';
import { killLeaderUntilAllMoved, stopHolderUntilTakenOver } from './short.js';
import { Trial, type TrialOptions } from './trial.js';

const title = 'locks on a real cluster';
const boundMs = 90_000;
const binary = await etcdBinary();
if ('missing' in binary) describeSkipped(title, binary.missing, () => it('loses nothing', () => {}));
else describe(title, () => suite(binary.etcd));

function suite(etcd: string): void {
  const tree = builtTree(fileURLToPath(new URL('../../', import.meta.url)));
  const options: TrialOptions = { etcd, tree, work: 'lock', variant: 'sound', clients: 3, seed: 1 };

  it(
    'loses nothing when the leader is killed and a holder is stopped for longer than its lease lives',
    async () => {
      await using trial = await Trial.start(options);
      await killLeaderUntilAllMoved(trial);
      await stopHolderUntilTakenOver(trial);
      const { violations, problems, rows, figures } = await verdictOf(trial, 'sound');
      expect(violations.map(showViolation)).toEqual([]);
      expect(problems).toEqual([]);
      expect(rows.filter(({ lost, doubled }) => lost + doubled > 0)).toEqual([]);
      expect(figures.takeover.length, 'takeovers from a holder that stood still').toBeGreaterThan(0);
    },
    boundMs,
  );

  it(
    'shows a client that acts on a stale handle to the checkers',
    async () => {
      await using trial = await Trial.start({ ...options, variant: 'stale' });
      await stopHolderUntilTakenOver(trial);
      const { violations } = await verdictOf(trial, 'stale');
      expect(violations.map(({ rule }) => rule)).toContain('guarded-writes: current');
    },
    boundMs,
  );
}
