import { sum } from './table.js';
import type { Verdict } from './verdict.js';

/** Of the whole run, in the end. */
export class Summary {
  readonly #verdicts: { readonly work: string; readonly verdict: Verdict }[] = [];
  readonly #notRun: string[] = [];
  readonly #controls: Control[] = [];
  readonly #broken: string[] = [];

  add(work: string, verdict: Verdict): void {
    this.#verdicts.push({ work, verdict });
  }

  /** A fault that could not be made is said, never passed over. */
  notRun(word: string, why: string): void {
    this.#notRun.push(`${word} (${why})`);
  }

  /** A work that came to no verdict. */
  broken(work: string, { message }: Error): void {
    this.#broken.push(`${work} came to no verdict (${message.split('\n')[0]})`);
  }

  control(control: Control): void {
    this.#controls.push(control);
  }

  get failed(): boolean {
    const bad = this.#verdicts.some(({ verdict }) => isBad(verdict)) || this.#broken.length > 0;
    return bad || this.#verdicts.length === 0 || this.#controls.some(({ lost }) => lost === 0);
  }

  text(seed: number): string {
    const rows = this.#verdicts.flatMap(({ verdict }) => verdict.rows);
    const violations = this.#verdicts.reduce((all, { verdict }) => all + verdict.violations.length, 0);
    const problems = this.#verdicts.reduce((all, { verdict }) => all + verdict.problems.length, 0);
    const early = this.#verdicts.reduce((all, { verdict }) => all + verdict.early, 0);
    const counts = (['windows', 'acquisitions', 'acknowledged', 'unknown', 'lost', 'doubled'] as const).map(
      (name) => `${sum(rows, name)} ${name}`,
    );
    const parts = [
      ...counts,
      `${violations} violations`,
      `${problems} problems`,
      `${early} live leases taken early by etcd`,
      ...this.#controls.map(controlText),
      ...this.#broken,
      ...(this.#notRun.length === 0 ? [] : [`not run: ${this.#notRun.join(', ')}`]),
    ];
    const works = this.#verdicts.map(({ work }) => work).join(', ');
    return `test:cluster ${this.failed ? 'FAILED' : 'passed'}: seed ${seed}, ${works}: ${parts.join(', ')}`;
  }
}

function isBad({ rows, violations, problems }: Verdict): boolean {
  return violations.length > 0 || problems.length > 0 || sum(rows, 'lost') > 0 || sum(rows, 'doubled') > 0;
}

/** A run that must lose something. */
interface Control {
  readonly work: string;
  readonly lost: number;
  readonly acknowledged: number;
}

function controlText({ work, lost, acknowledged }: Control): string {
  const shown = `control of ${work} lost ${lost} of ${acknowledged}`;
  return lost > 0 ? shown : `${shown}: this proves nothing`;
}
