import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Runtime } from '../../core/runtime.js';
import type { CallCounters, Counter } from '../gateway/call-counters.js';
import type { Forwarder, OpenCall } from '../grpc/forwarder.js';
import { clusterMethods, isDuplex } from './cluster-handlers.js';
import { ForwardedCall } from './forwarded-call.js';
import { MemberLink } from './member-link.js';
import type { Members } from './members.js';

/** Hands the calls of one client's connection on to a member of the cluster. */
export class MemberForwarder implements Forwarder {
  readonly #link: MemberLink;
  readonly #counters: CallCounters;

  constructor(members: Members, runtime: Runtime, counters: CallCounters) {
    this.#link = new MemberLink(members, runtime);
    this.#counters = counters;
  }

  forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): OpenCall {
    const call = new ForwardedCall(stream, this.#counter(headers[':path'] ?? ''));
    void call.start(headers, this.#link.session());
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
