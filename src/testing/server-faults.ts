import { ConclaveError } from '../core/errors.js';
import type { ServerInstance, SimServer } from '../sim/sim-server.js';
import type { Fault, FaultBoard } from './fault.js';
import { lastingFor } from './lasting.js';
import type { TestTime } from './test-time.js';

/** What can go wrong at the server, whoever is connected. */
export class ServerFaults {
  readonly #server: SimServer;
  readonly #time: TestTime;
  readonly #faults: FaultBoard;
  /** Leases that were revoked here, so that to do it again is nothing new. */
  readonly #revoked = new Set<bigint>();

  constructor(server: SimServer, time: TestTime, faults: FaultBoard) {
    this.#server = server;
    this.#time = time;
    this.#faults = faults;
  }

  /** etcd #12528, #15247: a live lease is revoked, and its keys with it. */
  expire(leaseId: bigint): void {
    if (this.#revoked.has(leaseId)) return;
    const { host } = this.#awake('expire');
    if (!this.#server.hasLease(leaseId)) {
      const text = `the store has no lease ${leaseId.toString(16)}: its session was never opened, or is over`;
      throw new ConclaveError('LEASE_NOT_FOUND', text);
    }
    host.revokeEarly(leaseId);
    this.#revoked.add(leaseId);
  }

  /** History up to `back` revisions before the present is forgotten. */
  compact(back: number): void {
    const { host } = this.#awake('compact');
    const revision = host.stats().revision - BigInt(back);
    try {
      host.compact({ revision });
    } catch (error) {
      // It is forgotten already.
      if (!ConclaveError.is(error, 'COMPACTED')) throw error;
    }
  }

  /** SIGSTOP: its clocks go on, requests wait in its sockets. A second one makes it longer, never shorter. */
  pause(ms: number): Fault {
    const { process } = this.#running('pauseServer');
    return this.#lasts('pauseServer', ms, () => {
      process.pause();
      return () => process.resume(false);
    });
  }

  /** SIGKILL, and a start from its log `downMs` later: connections break, and every lease has its full TTL again. */
  restart(downMs: number): Fault {
    this.#faults.find('pauseServer')?.end();
    return this.#lasts('restartServer', downMs, () => {
      this.#server.crash();
      return () => this.#server.start();
    });
  }

  /**
   * SIGKILL, and a start `downMs` later from a backup that lacks the last `back` revisions, and leases granted since.
   */
  restore(back: number, downMs: number): Fault {
    this.#faults.find('pauseServer')?.end();
    return this.#lasts('restoreServer', downMs, () => {
      this.#server.crash();
      this.#server.goBack(this.#server.truth.stats().revision - BigInt(back));
      return () => this.#server.start();
    });
  }

  /** etcd's cluster has a new leader: every lease has its full TTL again (etcd #9395, #13294), connections break. */
  changeLeader(): void {
    const { host } = this.#awake('changeLeader');
    for (const { id } of host.leaseLeases().leases) host.leaseKeepAlive({ id });
    for (const channel of this.#server.channels) channel.reset();
  }

  #lasts(name: string, ms: number, start: () => () => void): Fault {
    return lastingFor(this.#time, this.#faults, { kind: name, name }, ms, start);
  }

  #running(what: string): ServerInstance {
    const { instance } = this.#server;
    if (instance === undefined) throw new ConclaveError('UNAVAILABLE', `${what}: the server is down`);
    return instance;
  }

  #awake(what: string): ServerInstance {
    const instance = this.#running(what);
    if (instance.process.paused) throw new ConclaveError('UNAVAILABLE', `${what}: the server stands still`);
    return instance;
  }
}
