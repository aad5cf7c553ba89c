import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';
import { reasonInTitle } from './skip.js';

/**
 * Prints why each suite or test was skipped, and as the very last line `N passed, N failed, N skipped`: what scripts
 * read. Files that could not be loaded and errors outside of tests count as failed.
 */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const { passed, failed, skipped, reasons } = summarize(modules);
    const lines = [...reasons].map(
      ([reason, count]) => `skipped: ${reason} (${count} ${count === 1 ? 'test' : 'tests'})`,
    );
    lines.push(`${passed} passed, ${failed + errors.length} failed, ${skipped} skipped`);
    // The default reporter writes its own summary in the same round of calls, in part after an await.
    setImmediate(() => process.stdout.write(`${lines.join('\n')}\n`));
  }
}

interface Summary {
  passed: number;
  failed: number;
  skipped: number;
  /** Reason to number of tests. */
  readonly reasons: Map<string, number>;
}

export function summarize(modules: readonly TestModule[]): Summary {
  const summary: Summary = { passed: 0, failed: 0, skipped: 0, reasons: new Map() };
  for (const module of modules) {
    const before = summary.failed;
    for (const test of module.children.allTests()) count(test, summary);
    // A file that does not load, or a hook that fails, has errors that no test of it carries.
    if (module.state() === 'failed' && summary.failed === before) summary.failed++;
  }
  return summary;
}

function count(test: TestCase, summary: Summary): void {
  const { state } = test.result();
  if (state === 'passed') summary.passed++;
  else if (state === 'failed') summary.failed++;
  else {
    summary.skipped++;
    const reason = skipReason(test);
    summary.reasons.set(reason, (summary.reasons.get(reason) ?? 0) + 1);
  }
}

function skipReason(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  // Bounded by the nesting of suites.
  for (let at: TestCase | TestSuite | TestModule = test; at.type !== 'module'; at = at.parent) {
    const reason = reasonInTitle(at.name);
    if (reason !== undefined) return reason;
    if (at.type === 'suite' && at.errors().length > 0) return `a hook of "${at.fullName}" failed`;
  }
  return `no reason given: ${test.fullName}`;
}
