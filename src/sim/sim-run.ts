import { latin1 } from '../core/bytes.js';
import type { Revision } from '../engine/key-record.js';
import { broken, type Violation } from './checkers/violation.js';
import { ClientSlot } from './client-slot.js';
import type { FaultField } from './faults/fault-word.js';
import { faultWordOf } from './faults/fault-words.js';
import { type History, Recorder } from './history.js';
import type { Plan, PlannedFault } from './plan.js';
import type { Prng } from './prng.js';
import { SimLink } from './sim-link.js';
import { SimServer } from './sim-server.js';
import type { Stage, Workload } from './workload.js';
import { type TraceListener, World } from './world.js';

/**
 * Simulated milliseconds after the last fault within which every waiter must have finished: a few looks of a line (10
 * s each), a request timeout, the TTL of whoever crashed, and the operations that are still to come.
 */
export const healedBoundMs = 60_000;
/** How long a watch may take to be told everything: after its stream was lost, and on a stream that works. */
const reopenMs = 3000;
const quietMs = 500;
const restBoundMs = 5000;
/** The same for giving everything back. */
export const closeBoundMs = 20_000;
/**
 * How much longer than its TTL a lease may be there that nobody keeps alive any more: old heartbeats may still be on
 * the way.
 */
const expiryBoundMs = 40_000;

/** What came of a run. */
export interface RunOutcome {
  readonly history: History;
  /** What the run itself saw; the checkers of the workload see more. */
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly events: number;
  readonly simMs: number;
  /** How long after the last fault the last operation ended. */
  readonly healedMs: number;
}

/** One run of a plan: first with faults, then healed, then everything is given back. */
export class SimRun {
  readonly #plan: Plan;
  readonly #workload: Workload;
  readonly #world: World;
  readonly #recorder: Recorder;
  readonly #server: SimServer;
  readonly #slots: readonly ClientSlot[];
  readonly #stage: Stage;
  readonly #field: FaultField;
  readonly #violations: Violation[] = [];
  readonly #pending = new Set<() => void>();
  #lastChangeMs = 0;

  constructor(plan: Plan, workload: Workload, onEvent?: TraceListener) {
    const world = new World(plan.seed, onEvent);
    const { random } = world;
    this.#plan = plan;
    this.#workload = workload;
    this.#world = world;
    this.#recorder = new Recorder({ nowMs: () => world.nowMs });
    const stage = workload.stage(plan);
    this.#stage = stage;
    const { recordsKv } = workload;
    const onChanged = (server: SimServer, revision: Revision) => {
      this.#lastChangeMs = world.nowMs;
      stage.changed?.(server, revision);
    };
    this.#server = new SimServer(world, random.fork(), this.#recorder, { recordsKv, onChanged });
    this.#slots = plan.scripts.map((scripts, index) => this.#slot(scripts, index, stage, random));
    world.afterEach(() => stage.look?.());
    this.#field = { world, server: this.#server, slots: this.#slots, recorder: this.#recorder, random: random.fork() };
  }

  async execute(): Promise<RunOutcome> {
    this.#phase('faults');
    for (const fault of this.#plan.faults) this.#schedule(fault);
    await this.#world.run(() => this.#idle(), this.#plan.healAtMs);
    const onTheWayMs = this.#heal();
    const healedAtMs = this.#world.nowMs;
    const finished = await this.#world.run(() => this.#idle(), healedAtMs + healedBoundMs);
    if (!finished)
      this.#fault('liveness: finished', `not everyone has finished ${healedBoundMs} ms after the last fault`);
    const healedMs = this.#world.nowMs - healedAtMs;
    await this.#settle(onTheWayMs);
    this.#phase('end');
    await this.#close();
    await this.#expire();
    this.#residue();
    return {
      history: this.#recorder.history,
      violations: this.#violations,
      traceHash: this.#world.hash.digest,
      events: this.#world.events,
      simMs: this.#world.nowMs,
      healedMs,
    };
  }

  #slot(scripts: Plan['scripts'][number], index: number, stage: Stage, random: Prng): ClientSlot {
    const world = this.#world;
    const link = new SimLink(world, random.fork(), this.#plan.network);
    const { recordsKv, crowds } = this.#workload;
    const site = {
      world,
      recordsKv,
      crowds,
      plan: this.#plan,
      recorder: this.#recorder,
      server: this.#server,
      link,
      random: random.fork(),
    };
    const onError = (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#fault('unexpected error', text);
    };
    return new ClientSlot(site, `c${index + 1}`, scripts, stage, onError);
  }

  #idle(): boolean {
    return this.#slots.every((slot) => slot.idle);
  }

  #schedule(fault: PlannedFault): void {
    const cancel = this.#world.after(fault.atMs, undefined, fault.word, () => {
      this.#pending.delete(cancel);
      this.#recorder.note('world', 'run', 'fault', { ...fault });
      const end = faultWordOf(fault.word).start(this.#field, fault);
      if (end === undefined) return;
      const stop = () => {
        cancelEnd();
        this.#pending.delete(stop);
        end();
      };
      const cancelEnd = this.#world.after(
        Math.max(0, fault.untilMs - this.#world.nowMs),
        undefined,
        'fault ends',
        stop,
      );
      this.#pending.add(stop);
    });
    this.#pending.add(cancel);
  }

  /** Ends every fault, and takes back those still to come; when what was sent before has arrived. */
  #heal(): number {
    for (const stop of [...this.#pending]) stop();
    this.#pending.clear();
    const arrivedMs = Math.max(this.#world.nowMs, ...this.#slots.map(({ link }) => link.lastArrivalMs));
    this.#recorder.note('world', 'run', 'phase', { phase: 'healed', arrivedMs });
    return arrivedMs;
  }

  /** Those who watch get what was on the way, and time to open their streams again. */
  async #settle(onTheWayMs: number): Promise<void> {
    const { hasWatchers } = this.#workload;
    let untilMs = hasWatchers ? Math.max(onTheWayMs + reopenMs, this.#world.nowMs + quietMs) : this.#world.nowMs;
    // Bounded: only leases that end by themselves change anything now.
    while (this.#world.nowMs < untilMs) {
      await this.#world.run(() => false, untilMs);
      untilMs = hasWatchers ? Math.max(untilMs, this.#lastChangeMs + quietMs) : untilMs;
    }
    // The mark that everyone had their time is not set in the middle of a heartbeat.
    await this.#world.run(() => this.#slots.every(({ current }) => current.resting), untilMs + restBoundMs);
  }

  async #close(): Promise<void> {
    await this.#stage.end?.();
    const open = this.#slots.map((slot) => slot.current).filter(({ process }) => !process.crashed);
    let left = open.length;
    for (const client of open) {
      this.#world.after(0, client.process, 'close', () => {
        client.close().then(
          () => {
            left -= 1;
          },
          (error: unknown) => this.#fault('close', String(error)),
        );
      });
    }
    const closed = await this.#world.run(() => left === 0, this.#world.nowMs + closeBoundMs);
    if (!closed) this.#fault('liveness: closed', `not every client has closed within ${closeBoundMs} ms`);
  }

  /** Waits until the leases of those who crashed have ended, and what was on the way has arrived. */
  async #expire(): Promise<void> {
    const gone = () => {
      const { leases, watchers } = this.#server.truth.stats();
      return leases === 0 && watchers === 0;
    };
    const livesMs = Math.max(this.#plan.ttlMs, this.#workload.outlivesMs ?? 0);
    await this.#world.run(gone, this.#world.nowMs + livesMs + expiryBoundMs);
  }

  #residue(): void {
    const { truth } = this.#server;
    const { kvs } = truth.range({ key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) });
    const keys = kvs.map(({ key }) => latin1(key)).filter((key) => !this.#workload.keeps(key));
    const timers = this.#slots.reduce((sum, { current }) => sum + openTimers(current), 0);
    const leases = truth.leaseLeases().leases.map(({ id }) => id);
    this.#recorder.note('server', 'kv', 'residue', { keys, leases, watches: truth.stats().watchers, timers });
  }

  #phase(phase: 'faults' | 'end'): void {
    this.#recorder.note('world', 'run', 'phase', { phase });
  }

  #fault(rule: string, message: string): void {
    this.#violations.push(broken(rule, `${message} (at ${this.#world.nowMs} ms)`));
  }
}

function openTimers({
  process,
}: {
  readonly process: { readonly crashed: boolean; readonly pendingTimers: number };
}): number {
  return process.crashed ? 0 : process.pendingTimers;
}
