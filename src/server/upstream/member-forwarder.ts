import type { Runtime } from '../../core/runtime.js';
import type { CallCounters, Counter } from '../gateway/call-counters.js';
import type { Forwarder, OpenCall } from '../grpc/forwarder.js';
import type { ServerStream } from '../http2/server-stream.js';
import { clusterMethods, isDuplex } from './cluster-handlers.js';
import { ForwardedCall, type Unread } from './forwarded-call.js';
import { AnswerMemory } from './member-call.js';
import { MemberLink } from './member-link.js';
import type { Members } from './members.js';

/** A client that leaves more of its answers unread, on all its streams together, gets no others until it reads. */
const maxUnreadBytes = 32 * 1024 * 1024;

/** Hands the calls of one client's connection on to a member of the cluster. */
export class MemberForwarder implements Forwarder, Unread {
  readonly #link: MemberLink;
  readonly #counters: CallCounters;
  readonly #memory = new AnswerMemory();
  #unreadBytes = 0;

  constructor(members: Members, runtime: Runtime, counters: CallCounters) {
    this.#link = new MemberLink(members, runtime);
    this.#counters = counters;
  }

  forward(stream: ServerStream, onGone: (call: OpenCall) => void): OpenCall {
    const counter = this.#counter(stream.headers[':path'] ?? '');
    const call = new ForwardedCall({ stream, memory: this.#memory, counter, onGone, unread: this });
    call.start(this.#link);
    return call;
  }

  onUnread(bytes: number): void {
    const wasFull = this.#unreadBytes > maxUnreadBytes;
    this.#unreadBytes += bytes;
    if (this.#unreadBytes > maxUnreadBytes) this.#link.pause();
    else if (wasFull) this.#link.resume();
  }

  /** Paths come from peers: those that nobody knows are counted as one. */
  #counter(path: string): Counter {
    const method = clusterMethods.get(path);
    if (method === undefined) return this.#counters.of('/unknown/unknown', false);
    return this.#counters.of(path, isDuplex(method));
  }

  close(): void {
    this.#link.close();
  }
}
