import { expect } from 'vitest';
import type { Runtime } from '../../src/core/runtime.js';
import { WatchFilter } from '../../src/store/messages.js';
import type { WatchSpec } from '../../src/store/store.js';
import type { RpcChannel } from '../../src/wire/rpc-channel.js';
import type { CallName } from '../engine/operations.js';
import { rebase } from '../engine/rebase.js';
import { difference } from '../support/etcd-differences.js';
import { endsOracle, isLeftOut, knownDifferences } from './known-differences.js';
import { Side } from './side.js';
import type { CallerName, Sequence, Step } from './steps.js';
import { TwinWatch } from './twin-watch.js';

export interface TwinsOptions {
  /** To the server that is right. */
  readonly oracle: RpcChannel;
  readonly subject: RpcChannel;
  readonly runtime: Runtime;
  /** Of the oracle. */
  readonly version: string;
  /** Nth sequence on these servers: gives it keys above all earlier ones, and leases of its own. */
  readonly number: number;
}

interface WatchPair {
  readonly request: WatchSpec;
  readonly oracle: TwinWatch;
  readonly subject: TwinWatch;
}

/** Runs one sequence on two servers and holds every answer of one against that of the other. */
export class Twins {
  readonly #oracle: Side;
  readonly #subject: Side;
  readonly #version: string;
  readonly #watches: WatchPair[] = [];
  /** Relative. */
  #compactRevision = 0n;
  #revision = 0n;
  /** Authentication, in a sequence with users. */
  #isEnabled = true;

  private constructor(version: string, oracle: Side, subject: Side) {
    this.#version = version;
    this.#oracle = oracle;
    this.#subject = subject;
  }

  static async run({ oracle, subject, runtime, version, number }: TwinsOptions, sequence: Sequence): Promise<void> {
    const begin = (channel: RpcChannel) => Side.begin(channel, runtime, number);
    const [theirs, ours] = await Promise.all([begin(oracle), begin(subject)]);
    const twins = new Twins(version, theirs, ours);
    try {
      await twins.#run(sequence);
    } finally {
      await twins.#clean(sequence.secured);
    }
  }

  async #run({ steps, past: watchesPast, secured }: Sequence): Promise<void> {
    if (secured) await this.#both((side) => side.found());
    const past: WatchSpec[] = [];
    for (const step of steps) {
      if (endsOracle(step) || (secured && this.#isLeftOut(step))) continue;
      if (step.type !== 'watch') {
        await this.#ask(step);
        continue;
      }
      const request = step.request as WatchSpec;
      const start = request.startRevision ?? 0n;
      if (start === 0n || start > this.#revision) await this.#watch(step.by, request);
      else past.push(request);
    }
    if (secured) await this.#both((side) => side.disarm());
    // At the end, since etcd starts them only with its next tick, and a compaction before that would decide.
    if (watchesPast) await Promise.all(past.map((request) => this.#watchPast(request)));
    await this.#compareWatches();
  }

  async #ask(step: Exclude<Step, { type: 'watch' }>): Promise<void> {
    switch (step.type) {
      case 'call':
        await this.#call(step.by, step.name, step.request);
        break;
      case 'auth':
        await this.#auth(step);
        break;
      case 'login':
        await this.#login(step);
        break;
    }
  }

  async #call(by: CallerName, name: CallName, request: object): Promise<void> {
    // What was there before an event is read when it is told; compaction must not come between.
    if (name === 'compact') await this.#settle();
    const expected = await this.#compare({ by, name, request }, (side) => side.call(by, name, request));
    if (typeof expected === 'object') {
      this.#revision = (expected as { header: bigint }).header;
      if (name === 'compact') this.#compactRevision = (request as { revision: bigint }).revision;
    }
  }

  async #auth(step: Step & { readonly type: 'auth' }): Promise<void> {
    const expected = await this.#compare(step, (side) => side.auth(step.by, step.name, step.request));
    if (typeof expected !== 'object' || (step.name !== 'enable' && step.name !== 'disable')) return;
    this.#isEnabled = step.name === 'enable';
    if (this.#isEnabled || !knownDifferences.tokenWhileDisabled.in(this.#version)) return;
    for (const side of [this.#oracle, this.#subject]) side.forgetTokens();
  }

  #isLeftOut(step: Step): boolean {
    const isNobody = step.type !== 'login' && step.by === 'root' && !this.#oracle.hasToken('root');
    if (isLeftOut(isNobody ? { ...step, by: 'nobody' } : step, this.#version)) return true;
    const lies = step.type !== 'login' && step.by === 'liar';
    return lies && !this.#isEnabled && knownDifferences.tokenWhileDisabled.in(this.#version);
  }

  async #login(step: Step & { readonly type: 'login' }): Promise<void> {
    const [expected, got] = await this.#both((side) => side.login(step.name, step.password));
    const { etcd, here } = difference('login-rate');
    if (String(expected).includes(etcd) && String(got).includes(here)) return;
    expect({ step, answer: got }).toEqual({ step, answer: expected });
  }

  async #compare(step: object, ask: (side: Side) => Promise<unknown>): Promise<unknown> {
    const [expected, got] = await this.#both(ask);
    expect({ step, answer: got }).toEqual({ step, answer: expected });
    return expected;
  }

  #both<T>(ask: (side: Side) => Promise<T>): Promise<[T, T]> {
    return Promise.all([ask(this.#oracle), ask(this.#subject)]);
  }

  #watchPast(request: WatchSpec): Promise<void> {
    const atCompaction = request.startRevision === this.#compactRevision;
    if (atCompaction && knownDifferences.tombstoneAtCompaction.in(this.#version)) return Promise.resolve();
    return this.#watch('nobody', request);
  }

  async #watch(by: CallerName, request: WatchSpec): Promise<void> {
    const [oracle, subject] = [this.#oracle, this.#subject].map(
      (side) => new TwinWatch(side.store(by), rebase(request, side.place), side.place),
    ) as [TwinWatch, TwinWatch];
    this.#watches.push({ request, oracle, subject });
    await Promise.all([oracle.answered(), subject.answered()]);
  }

  /** Each of the two has told what the other has. */
  async #settle(): Promise<void> {
    for (const { oracle, subject } of this.#watches) {
      await Promise.all([oracle.hasTold(subject.told.length), subject.hasTold(oracle.told.length)]);
    }
  }

  /** Changes the first key of each watch, all in one revision, so that there is a last event to wait for. */
  async #compareWatches(): Promise<void> {
    const keys = new Map(
      this.#watches.map(({ request }) => [Buffer.from(request.key).toString('latin1'), request.key]),
    );
    for (const type of ['put', 'deleteRange']) {
      await this.#call('nobody', 'txn', { success: [...keys.values()].map((key) => ({ type, request: { key } })) });
    }
    for (const { request, oracle, subject } of this.#watches) {
      // The last thing a watch without deletions sees is the put before them.
      const last = request.filters?.includes(WatchFilter.noDelete) ? this.#revision - 1n : this.#revision;
      if ((request.startRevision ?? 0n) <= last) await Promise.all([oracle.hasReached(last), subject.hasReached(last)]);
      expect({ request, watch: subject.summary }).toEqual({ request, watch: oracle.summary });
    }
  }

  async #clean(secured: boolean): Promise<void> {
    for (const { oracle, subject } of this.#watches) {
      oracle.stop();
      subject.stop();
    }
    // Again: a sequence that failed has not come so far.
    if (secured) await this.#both((side) => side.disarm());
    await this.#both((side) => side.clean(secured));
  }
}
