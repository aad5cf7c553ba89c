import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { showViolation } from '../../src/sim/checkers/index.js';
import { encodeHistory } from '../../src/sim/history.js';
import { type ClockOrNot, fakeClockFor, openSite, siteFor, usableFaults } from './environment.js';
import { etcdBinary } from './etcd-binary.js';
import { clientKill, clientStop } from './faults/client.js';
import { mountSmallDisk, smallDiskMember } from './faults/disk.js';
import type { Fault } from './faults/fault.js';
import { injectFaults } from './faults.js';
import { type Variant, type WorkName, workNames } from './messages.js';
import { parseOptions, type RunOptions, usage } from './options.js';
import { Summary } from './report/summary.js';
import { figuresText, sum, table } from './report/table.js';
import { type Verdict, verdictOf } from './report/verdict.js';
import { againInOwnNetwork, inOwnNetwork } from './sites/namespaces.js';
import type { SiteKind } from './sites/site.js';
import { ownTree, Trial } from './trial.js';

/** Start, healing, finishing and judging of a trial, beside the faults. */
const overheadMs = 12_000;
const shortestMs = 8_000;
const controlMs = 10_000;
const shownMax = 20;

/** Under which fault a work loses what it is told to keep, once its clients break the rules. */
const controls: Readonly<Partial<Record<WorkName, Fault>>> = {
  outside: clientStop,
  shared: clientStop,
  election: clientStop,
  queue: clientKill,
  counter: clientStop,
  partition: clientStop,
  config: clientStop,
};

/** What clients of the variant `stale` do wrong, and the rules that find it, each of them. */
const planted: Readonly<Partial<Record<WorkName, readonly string[]>>> = {
  lock: ['guarded-writes: current'],
  election: ['guarded-writes: current'],
  queue: ['queue: one of a group'],
  schedule: ['queue: '],
  ephemeral: ['ephemeral: not over another’s'],
  registry: ['convergence: existed'],
  config: ['convergence: existed'],
  cache: ['cache: consistent'],
  barrier: ['barrier: all there', 'barrier: all done', 'barrier: counted down', 'barrier: closed'],
  counter: ['counter: unique', 'counter: rate'],
  stm: ['stm: serializable'],
};

/** The exit code: 0 only if everything was kept, and the control run showed what happens without. */
export async function main(args: readonly string[]): Promise<number> {
  let options: RunOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return 2;
  }
  const etcd = options.members === 'containers' ? { etcd: 'of the image' } : await etcdBinary();
  if ('missing' in etcd) {
    console.error(`test:cluster: not run: ${etcd.missing}`);
    return 1;
  }
  const site = await siteFor(options.members);
  if ('missing' in site) {
    console.error(`test:cluster: not run: ${site.missing}`);
    return 1;
  }
  const clock = await fakeClockFor(options.faults);
  try {
    // What is fetched from outside was fetched before.
    if (site.site === 'namespaces' && !inOwnNetwork()) return await againInOwnNetwork();
    return await run(options, { etcd: etcd.etcd, clock, ...site });
  } finally {
    if (!('missing' in clock)) clock.close();
  }
}

interface Machine {
  readonly etcd: string;
  readonly clock: ClockOrNot;
  readonly site: SiteKind;
  /** Why there is no better one. */
  readonly why: string | undefined;
}

function run(options: RunOptions, machine: Machine): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, onSignal);
  const runner = new Runner(options, machine, stop.signal);
  return options.selfCheck ? runner.selfCheck() : runner.all();
}

class Runner {
  readonly #options: RunOptions;
  readonly #machine: Machine;
  readonly #stop: AbortSignal;
  readonly #summary = new Summary();

  constructor(options: RunOptions, machine: Machine, stop: AbortSignal) {
    this.#options = options;
    this.#machine = machine;
    this.#stop = stop;
  }

  async all(): Promise<number> {
    const { works, minutes, seed } = this.#options;
    const { clock, site, why } = this.#machine;
    if (why !== undefined) this.#summary.notRun('members with networks of their own', why);
    const { faults, missing } = await usableFaults(site, clock, this.#options.faults);
    for (const [word, reason] of missing) this.#summary.notRun(word, reason);
    for (const work of works) {
      if (this.#stop.aborted) break;
      try {
        await this.#work(work, faults, (minutes * 60_000) / works.length);
      } catch (error) {
        // No reason to leave the other works unjudged.
        console.log(`problem: ${(error as Error).stack}`);
        this.#summary.broken(work, error as Error);
      }
    }
    if (this.#stop.aborted) this.#summary.notRun('the rest', 'interrupted');
    console.log(`\n${this.#summary.text(seed)}`);
    return this.#summary.failed || this.#stop.aborted ? 1 : 0;
  }

  async #work(work: WorkName, faults: readonly Fault[], shareMs: number): Promise<void> {
    const { clock } = this.#machine;
    const env = 'missing' in clock ? undefined : clock.env;
    const control = controls[work];
    const controlledMs = control === undefined ? 0 : controlMs + overheadMs;
    const forMs = Math.max(shortestMs, shareMs - overheadMs - controlledMs);
    this.#summary.add(work, await this.#trial(work, 'sound', faults, forMs, env));
    if (control === undefined || this.#stop.aborted) return;
    const { rows } = await this.#trial(work, 'unfenced', [control], controlMs);
    this.#summary.control({ work, lost: sum(rows, 'lost'), acknowledged: sum(rows, 'acknowledged') });
  }

  /** Clients that break the rules must be found, or the checkers prove nothing. */
  async selfCheck(): Promise<number> {
    const passed: boolean[] = [];
    const say = (good: boolean, text: string) => {
      passed.push(good);
      console.log(`self-check: ${text}${good ? '' : ': this proves nothing'}`);
    };
    const { works } = this.#options;
    for (const work of works) {
      const rules = planted[work];
      if (rules === undefined) continue;
      const { violations } = await this.#trial(work, 'stale', [clientStop], shortestMs);
      const found = [...new Set(violations.map((each) => each.rule))];
      say(
        rules.every((rule) => found.some((each) => each.startsWith(rule))),
        `broken clients of ${work} break ${found.join(', ') || 'nothing'}`,
      );
    }
    const controlled = (Object.entries(controls) as [WorkName, Fault][]).filter(([work]) => works.includes(work));
    for (const [work, fault] of controlled) {
      const { rows } = await this.#trial(work, 'unfenced', [fault], shortestMs);
      const lost = sum(rows, 'lost');
      say(lost > 0, `${work} without fences lost ${lost} of ${sum(rows, 'acknowledged')}`);
    }
    const good = passed.every((each) => each);
    console.log(`self-check: ${good ? 'passed' : 'FAILED'}`);
    return good ? 0 : 1;
  }

  async #trial(
    work: WorkName,
    variant: Variant,
    faults: readonly Fault[],
    forMs: number,
    env?: NodeJS.ProcessEnv,
  ): Promise<Verdict> {
    const { seed, clients, ttlMs } = this.#options;
    const words = faults.map(({ word }) => word);
    const whom = `${clients} clients, members as ${this.#machine.site}`;
    const what = `${(forMs / 1000).toFixed(0)} s of ${words.join(', ')}`;
    console.log(`\n${work} (${variant}): seed ${seed}, ${whom}, ${what}`);
    const small = words.includes('disk-full');
    const prepare = async (folder: string, index: number) =>
      small && index === smallDiskMember ? mountSmallDisk(folder) : undefined;
    const trial = await Trial.start({
      etcd: this.#machine.etcd,
      site: openSite[this.#machine.site],
      tree: ownTree(),
      work,
      variant,
      clients,
      // Each work meets the faults in an order of its own, the same whether it runs alone or with others.
      seed: seed + workNames.indexOf(work),
      ttlMs,
      env,
      prepare,
    });
    try {
      await injectFaults(trial, faults, forMs, this.#stop, (line) => console.log(`  ${line}`));
      const verdict = await verdictOf(trial, variant);
      this.#show(work, variant, verdict);
      return verdict;
    } finally {
      await trial[Symbol.asyncDispose]();
    }
  }

  #show(work: WorkName, variant: Variant, verdict: Verdict): void {
    const { rows, violations, problems, figures, early, history } = verdict;
    for (const violation of violations.slice(0, shownMax)) console.log(showViolation(violation));
    if (violations.length > shownMax) console.log(`… and ${violations.length - shownMax} more`);
    for (const problem of problems) console.log(`problem: ${problem}`);
    console.log(table(variant === 'sound' ? work : `${work}/${variant}`, rows));
    console.log(figuresText(figures));
    if (early > 0) console.log(`etcd itself took ${early} live leases before their time`);
    const { keep, seed } = this.#options;
    if (keep === undefined) return;
    mkdirSync(keep, { recursive: true });
    const file = join(keep, `${work}-${variant}-${seed}.jsonl`);
    writeFileSync(file, encodeHistory(history));
    console.log(`history kept in ${file}`);
  }
}
