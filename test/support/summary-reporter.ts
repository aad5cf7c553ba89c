import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';
import { reasonInTitle } from './skip.js';

/**
 * Prints what failed and why each suite or test was skipped, and as the very last line `N passed, N failed, N skipped`:
 * what scripts read. Files that could not be loaded and errors outside of tests count as failed. The failures are
 * repeated here, a line each, since of a long log often only the end is kept.
 */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const { passed, failures, skipped, reasons } = summarize(modules);
    for (const error of errors) failures.push(`outside of tests: ${briefly(error)}`);
    const lines = [
      ...failures.map((failure) => `failed: ${failure}`),
      ...[...reasons].map(([reason, count]) => `skipped: ${reason} (${count} ${count === 1 ? 'test' : 'tests'})`),
      `${passed} passed, ${failures.length} failed, ${skipped} skipped`,
    ];
    // The default reporter writes its own summary in the same round of calls, in part after an await.
    setImmediate(() => process.stdout.write(`${lines.join('\n')}\n`));
  }
}

interface Summary {
  passed: number;
  /** Where, and the beginning of what was said. */
  readonly failures: string[];
  skipped: number;
  /** Reason to number of tests. */
  readonly reasons: Map<string, number>;
}

export function summarize(modules: readonly TestModule[]): Summary {
  const summary: Summary = { passed: 0, failures: [], skipped: 0, reasons: new Map() };
  for (const module of modules) {
    const before = summary.failures.length;
    for (const test of module.children.allTests()) count(test, summary);
    // A file that does not load, or a hook that fails, has errors that no test of it carries.
    if (module.state() === 'failed' && summary.failures.length === before) {
      summary.failures.push(`${module.relativeModuleId}: ${briefly(firstError(module))}`);
    }
  }
  return summary;
}

function count(test: TestCase, summary: Summary): void {
  const result = test.result();
  if (result.state === 'passed') summary.passed++;
  else if (result.state === 'failed') {
    summary.failures.push(`${test.module.relativeModuleId} > ${test.fullName}: ${briefly(result.errors[0])}`);
  } else {
    summary.skipped++;
    const reason = skipReason(test);
    summary.reasons.set(reason, (summary.reasons.get(reason) ?? 0) + 1);
  }
}

/** Of a file, or of the hook of a suite in it. */
function firstError(module: TestModule): SerializedError | undefined {
  return [module, ...module.children.allSuites()].flatMap((each) => each.errors())[0];
}

/** The first line of what was thrown, and where in this repository. */
function briefly(error: SerializedError | undefined): string {
  if (error === undefined) return 'no error told';
  const said = `${error.name ?? 'Error'}: ${error.message.split('\n', 1)[0]}`;
  const at = error.stacks?.[0];
  return at === undefined ? said : `${said} (${at.file}:${at.line})`;
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
