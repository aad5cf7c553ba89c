import type { Runtime } from '../../core/runtime.js';
import type { CallCounters, Counter } from '../gateway/call-counters.js';
import type { Forwarder, OpenCall } from '../grpc/forwarder.js';
import type { ServerStream } from '../http2/server-stream.js';
import { clusterMethods, isDuplex } from './cluster-handlers.js';
import { ForwardedCall } from './forwarded-call.js';
import { AnswerMemory } from './member-call.js';
import { MemberLink } from './member-link.js';
import type { Members } from './members.js';

/** Hands the calls of one client's connection on to a member of the cluster. */
export class MemberForwarder implements Forwarder {
  readonly #link: MemberLink;
  readonly #counters: CallCounters;
  readonly #memory = new AnswerMemory();

  constructor(members: Members, runtime: Runtime, counters: CallCounters) {
    this.#link = new MemberLink(members, runtime);
    this.#counters = counters;
  }

  forward(stream: ServerStream, onGone: (call: OpenCall) => void): OpenCall {
    const call = new ForwardedCall(stream, this.#memory, this.#counter(stream.headers[':path'] ?? ''), onGone);
    call.start(this.#link);
    return call;
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
