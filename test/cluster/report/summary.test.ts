import { describe, expect, it } from 'vitest';
import type { Counts } from './figures.js';
import { Summary } from './summary.js';
import type { Verdict } from './verdict.js';

function verdict(change: Partial<Counts> = {}, problems: readonly string[] = []): Verdict {
  const counts = { windows: 1, acquisitions: 9, acknowledged: 9, unknown: 0, lost: 0, doubled: 0, violations: 0 };
  const figures = { handover: [], takeover: [], outage: [], detection: [] };
  return { rows: [{ fault: 'none', ...counts, ...change }], violations: [], problems, figures, early: 0, history: [] };
}

function summary(fill: (summary: Summary) => void): Summary {
  const made = new Summary();
  fill(made);
  return made;
}

describe('a run', () => {
  it('passes when everything was kept and the control lost something', () => {
    const run = summary((each) => {
      each.add('lock', verdict());
      each.control({ work: 'outside', lost: 2, acknowledged: 9 });
      each.notRun('disk-slow', 'there is no strace');
    });
    expect(run.failed).toBe(false);
    expect(run.text(1)).toContain('test:cluster passed: seed 1, lock: 1 windows');
    expect(run.text(1)).toContain('not run: disk-slow (there is no strace)');
  });

  it.each<[string, (summary: Summary) => void]>([
    ['nothing was judged', () => {}],
    ['a write was lost', (each) => each.add('lock', verdict({ lost: 1 }))],
    ['a write counted twice', (each) => each.add('lock', verdict({ doubled: 1 }))],
    ['somebody did not get on', (each) => each.add('lock', verdict({}, ['no progress: c1']))],
    [
      'the control lost nothing',
      (each) => {
        each.add('outside', verdict());
        each.control({ work: 'outside', lost: 0, acknowledged: 9 });
      },
    ],
    [
      'a work came to no verdict',
      (each) => {
        each.add('lock', verdict());
        each.broken('queue', new Error('c3 is not ready'));
      },
    ],
  ])('fails when %s', (_, fill) => {
    expect(summary(fill).failed).toBe(true);
    expect(summary(fill).text(1)).toContain('FAILED');
  });
});
