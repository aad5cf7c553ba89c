import { utf8Text } from '../core/bytes.js';
import type { Runtime } from '../core/runtime.js';
import { EngineHost, type EngineHostOptions } from '../engine/engine-host.js';
import type { JournalEntry } from '../engine/journal.js';
import type { Change } from '../engine/key-record.js';
import type * as m from '../store/messages.js';
import type { Recorder } from './history.js';
import type { FactOf } from './vocabulary.js';

export interface WitnessOptions {
  /** Records every change of the store; leases are always recorded. */
  readonly recordsKv: boolean;
}

/**
 * The engine's host, whose deeds are written into the history: what was true at the server, whatever clients believe.
 */
export class WitnessedHost extends EngineHost {
  readonly #recorder: Recorder;
  readonly #options: WitnessOptions;
  readonly #injected = new Set<bigint>();
  #silent = false;
  #revoking: bigint | undefined;

  constructor(
    runtime: Runtime,
    recorder: Recorder,
    options: WitnessOptions,
    hostOptions: EngineHostOptions & { readonly onEntry: (entry: JournalEntry) => void },
  ) {
    super(runtime, {
      ...hostOptions,
      onEntry: (entry) => {
        hostOptions.onEntry(entry);
        this.#tell(entry);
      },
    });
    this.#recorder = recorder;
    this.#options = options;
  }

  /** Its process was killed: what is left of it tells nothing. The store can still be looked at. */
  silence(): void {
    this.#silent = true;
  }

  override leaseRevoke(request: m.LeaseRevokeRequest): m.LeaseRevokeResponse {
    this.#revoking = request.id;
    try {
      return super.leaseRevoke(request);
    } finally {
      this.#revoking = undefined;
    }
  }

  override leaseKeepAlive(request: m.LeaseKeepAliveRequest): m.LeaseKeepAliveResponse {
    const response = super.leaseKeepAlive(request);
    if (response.ttl > 0n) {
      this.#note('lease.renewed', { lease: response.id, ttlMs: Number(response.ttl) * 1000 });
    }
    return response;
  }

  /** The fault of etcd #12528: a live lease is revoked though nobody asked for it. */
  revokeEarly(lease: bigint): void {
    this.#injected.add(lease);
    this.leaseRevoke({ id: lease });
  }

  #tell(entry: JournalEntry): void {
    switch (entry.type) {
      case 'changes': {
        if (this.#options.recordsKv) for (const change of entry.changes.changes) this.#changed(change);
        if (entry.endedLease !== undefined) this.#leaseEnded(entry.endedLease, entry.changes.revision);
        return;
      }
      case 'leaseGranted':
        this.#note('lease.granted', { lease: entry.id, ttlMs: Number(entry.ttlS) * 1000 });
        return;
      case 'leaseEnded':
        this.#leaseEnded(entry.id);
        return;
      case 'compacted':
        this.#note('kv.compacted', { revision: entry.revision });
        return;
      case 'base':
        return;
    }
  }

  #changed({ deleted, text, kv }: Change): void {
    this.#note('kv.event', {
      revision: kv.modRevision,
      type: deleted ? 'delete' : 'put',
      key: text,
      value: utf8Text(kv.value),
      create: kv.createRevision,
      version: kv.version,
      lease: kv.lease,
    });
  }

  #leaseEnded(lease: bigint, revision?: bigint): void {
    const revoked = this.#injected.has(lease) ? 'injected' : 'revoked';
    const cause = lease === this.#revoking ? revoked : 'expired';
    this.#note('lease.ended', { lease, cause, ...(revision !== undefined && { revision }) });
  }

  #note<Fact extends string>(fact: Fact, data: FactOf<Fact>): void {
    if (!this.#silent) this.#recorder.note('server', 'kv', fact, data);
  }
}
