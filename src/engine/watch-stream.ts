import { ConclaveError } from '../core/errors.js';
import type { Event, ResponseHeader, WatchCreateRequest, WatchRequest, WatchResponse } from '../store/messages.js';
import { estimateSize, fragmentsOf, type ResponseSize } from './watch-fragments.js';
import type { WatchHandle, WatchHub } from './watch-hub.js';
import { watchTexts } from './watch-request.js';

export interface WatchStreamOptions {
  /** Larger responses are split for watches that allow it. Default: etcd's 1.5 MiB + 512 KiB. */
  readonly fragmentBytes?: number | undefined;
  /** Default: an estimate from above. */
  readonly sizeOf?: ResponseSize | undefined;
}

/** One watch of the stream. It keeps its id until it is cancelled, even when compaction has ended it. */
interface Member {
  readonly id: bigint;
  readonly handle: WatchHandle;
  readonly progressNotify: boolean;
  /** Whether something was told since the last `progressTick`. */
  busy: boolean;
  ended: boolean;
}

/** Marks answers that belong to no watch. */
const noWatchId = -1n;

const defaultFragmentBytes = 1_572_864 + 512 * 1024;

/**
 * One gRPC Watch stream's state: requests in, responses out through `emit`, in the order and shape of protocol.md
 * section 2. `emit` is called at once, from within `handle` or from the write that caused the event.
 */
export class WatchStream {
  readonly #hub: WatchHub;
  readonly #header: (revision: bigint) => ResponseHeader;
  readonly #emit: (response: WatchResponse) => void;
  readonly #fragmentBytes: number;
  readonly #sizeOf: ResponseSize;
  readonly #members = new Map<bigint, Member>();
  #nextId = 0n;
  /** The rest of a response in parts, for a peer that paused, and whatever has to come behind it. */
  readonly #rest: WatchResponse[] = [];
  #paused = false;
  #closed = false;

  constructor(
    hub: WatchHub,
    header: (revision: bigint) => ResponseHeader,
    emit: (response: WatchResponse) => void,
    options: WatchStreamOptions = {},
  ) {
    this.#hub = hub;
    this.#header = header;
    this.#emit = emit;
    this.#fragmentBytes = options.fragmentBytes ?? defaultFragmentBytes;
    this.#sizeOf = options.sizeOf ?? estimateSize;
  }

  handle(request: WatchRequest): void {
    if (this.#closed) return;
    switch (request.type) {
      case 'create':
        this.#create(request.request);
        break;
      case 'cancel':
        this.#cancel(request.watchId);
        break;
      case 'progress':
        this.#progress();
        break;
      case 'none':
        break;
    }
  }

  /** Tells each synced watch that asked for it, and was told nothing since the last tick, how far it has come. */
  progressTick(): void {
    for (const member of this.#members.values()) {
      if (member.progressNotify && !member.busy && member.handle.synced()) {
        this.#send({ watchId: member.id, header: this.#header(this.#hub.toldRevision) });
      }
      member.busy = false;
    }
  }

  /** Stops all events of the stream, for a peer that does not read; answers to requests go on. Idempotent. */
  pause(): void {
    this.#paused = true;
    for (const { handle } of this.#members.values()) handle.pause();
  }

  /** Each watch goes on where it stopped, unless compaction has overtaken it, until there is enough. Idempotent. */
  resume(): void {
    this.#paused = false;
    while (!this.#paused && this.#rest.length > 0) this.#emit(this.#rest.shift() as WatchResponse);
    for (const member of [...this.#members.values()]) {
      // What a watch was told made the peer pause again, or end the stream.
      if (this.#paused || this.#closed) return;
      // Next time those come first that have not had their turn.
      this.#members.delete(member.id);
      this.#members.set(member.id, member);
      member.handle.resume();
    }
  }

  /** Ends every watch; nothing is emitted any more. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#rest.length = 0;
    for (const { handle } of this.#members.values()) handle.cancel();
    this.#members.clear();
  }

  #create(request: WatchCreateRequest): void {
    const refused = this.#add(request);
    if (typeof refused === 'string') {
      this.#send({ watchId: noWatchId, created: true, canceled: true, cancelReason: refused });
      return;
    }
    const member = refused;
    this.#send({ watchId: member.id, created: true, header: this.#header(member.handle.createdAt) });
    if (!this.#paused) member.handle.resume();
  }

  /** The new watch, still silent, or why there is none. The order of the checks is etcd's. */
  #add(request: WatchCreateRequest): Member | string {
    const asked = request.watchId ?? 0n;
    let member: Member | undefined;
    try {
      const handle = this.#hub.watch(request, {
        onEvents: (events, revision) => member && this.#tell(member, events, revision, request.fragment ?? false),
        onCompacted: (compactRevision) => member && this.#compacted(member, compactRevision),
      });
      const reason = asked < 0n ? watchTexts.negativeId : this.#members.has(asked) ? watchTexts.duplicateId : undefined;
      if (asked !== 0n && reason !== undefined) {
        handle.cancel();
        return reason;
      }
      const id = asked === 0n ? this.#drawId() : asked;
      member = { id, handle, progressNotify: request.progressNotify ?? false, busy: false, ended: false };
      this.#members.set(id, member);
      return member;
    } catch (error) {
      if (ConclaveError.is(error)) return error.message;
      throw error;
    }
  }

  #drawId(): bigint {
    // Bounded by the watches of the stream.
    while (this.#members.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #cancel(watchId: bigint): void {
    const member = this.#members.get(watchId);
    if (member === undefined) return;
    this.#members.delete(watchId);
    member.handle.cancel();
    this.#send({ watchId, canceled: true });
  }

  /** Said only when it is true of every watch of the stream; after all events up to that revision. */
  #progress(): void {
    const members = [...this.#members.values()].filter((member) => !member.ended);
    if (members.length === 0 || !members.every(({ handle }) => handle.synced())) return;
    this.#send({ watchId: noWatchId, header: this.#header(this.#hub.toldRevision) });
  }

  #tell(member: Member, events: readonly Event[], revision: bigint, fragment: boolean): void {
    member.busy = true;
    const response = complete({ watchId: member.id, header: this.#header(revision), events });
    const parts = fragment ? fragmentsOf(response, this.#fragmentBytes, this.#sizeOf) : [response];
    for (const part of parts) {
      if (this.#paused) this.#rest.push(part);
      else this.#emit(part);
    }
  }

  /** As in etcd, the header tells no revision here. */
  #compacted(member: Member, compactRevision: bigint): void {
    member.ended = true;
    this.#send({ watchId: member.id, canceled: true, compactRevision, header: this.#header(0n) });
  }

  #send(response: Omit<Partial<WatchResponse>, 'watchId'> & { readonly watchId: bigint }): void {
    const whole = complete({ ...response, header: response.header ?? this.#header(this.#hub.revision) });
    // Clients put the parts of a response together as they come: nothing may come between them.
    if (this.#rest.length > 0) this.#rest.push(whole);
    else this.#emit(whole);
  }
}

function complete(response: Partial<WatchResponse> & Pick<WatchResponse, 'header' | 'watchId'>): WatchResponse {
  const { header, watchId, created = false, canceled = false, compactRevision = 0n } = response;
  const { cancelReason = '', fragment = false, events = [] } = response;
  return { header, watchId, created, canceled, compactRevision, cancelReason, fragment, events };
}
