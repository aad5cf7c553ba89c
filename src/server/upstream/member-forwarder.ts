import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Runtime } from '../../core/runtime.js';
import type { Forwarder, OpenCall } from '../grpc/forwarder.js';
import { ForwardedCall } from './forwarded-call.js';
import { MemberLink } from './member-link.js';
import type { Members } from './members.js';

/** Hands the calls of one client's connection on to a member of the cluster. */
export class MemberForwarder implements Forwarder {
  readonly #link: MemberLink;

  constructor(members: Members, runtime: Runtime) {
    this.#link = new MemberLink(members, runtime);
  }

  forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): OpenCall {
    const call = new ForwardedCall(stream);
    void call.start(headers, this.#link.session());
    return call;
  }

  close(): void {
    this.#link.close();
  }
}
