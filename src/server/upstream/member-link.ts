import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { LocalSettings } from '../../http2/settings.js';
import { defaultPingAfterMs, isTooManyPings } from '../../http2-client/h2-keepalive.js';
import { type CallOwner, H2Link, type LinkListener } from '../../http2-client/h2-link.js';
import type { MemberCall } from './member-call.js';
import type { Member, Members } from './members.js';

/** A caller that does not read leaves a window's worth unread here, for each of its streams: see `maxUnreadBytes`. */
const settings: LocalSettings = {
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 8 * 1024 * 1024,
  maxHeaderListBytes: 64 * 1024,
};

/** A connection to a member, under way, open, or ending. */
interface Way {
  readonly member: Member;
  readonly link: H2Link<MemberCall>;
}

/**
 * The connection to a member over which the calls of one client's connection go. One for each, so that no client waits
 * for another's bytes: all streams of an HTTP/2 connection share one window, and one socket.
 */
export class MemberLink implements LinkListener<MemberCall>, CallOwner<MemberCall> {
  readonly #members: Members;
  readonly #runtime: Runtime;
  /** The one that takes new calls. */
  #way: Way | undefined;
  #isReady = false;
  /** Members that are still to be tried for those that wait. */
  #triesLeft = 0;
  /** Until a member has taken a connection. */
  readonly #waiting = new Set<MemberCall>();
  /** All that have a socket. */
  readonly #ways = new Map<H2Link<MemberCall>, Way>();
  #pingAfterMs = defaultPingAfterMs;
  #isClosed = false;

  constructor(members: Members, runtime: Runtime) {
    this.#members = members;
    this.#runtime = runtime;
  }

  /** Fails it with `UNAVAILABLE` if no member takes a connection: each is asked once. */
  start(call: MemberCall): void {
    if (this.#way !== undefined && this.#isReady) {
      this.#startOn(this.#way, call);
      return;
    }
    call.owner = this;
    this.#waiting.add(call);
    if (this.#isClosed) {
      this.#failWaiting('the connection was closed');
    } else if (this.#way === undefined) {
      this.#triesLeft = this.#members.count;
      this.#dial();
    }
  }

  /** No member sends more than a connection's window, until `resume`. */
  pause(): void {
    for (const link of this.#ways.keys()) link.pause();
  }

  resume(): void {
    for (const link of this.#ways.keys()) link.resume();
  }

  close(): void {
    this.#isClosed = true;
    for (const link of this.#ways.keys()) link.close();
    this.#failWaiting('the connection was closed');
  }

  onOver(call: MemberCall): void {
    this.#waiting.delete(call);
  }

  onReady(): void {
    this.#isReady = true;
    const calls = [...this.#waiting];
    this.#waiting.clear();
    for (const call of calls) this.start(call);
  }

  onUnreachable(link: H2Link<MemberCall>, error: ConclaveError): void {
    this.#leave(link);
    if (this.#triesLeft > 0 && !this.#isClosed) this.#dial();
    else this.#failWaiting(error.message);
  }

  /** No call starts on a connection that is ending, and a member that ended it is not asked next. */
  onRetired(link: H2Link<MemberCall>, waiting: readonly MemberCall[], code: number, text: string): void {
    this.#leave(link);
    if (isTooManyPings(code, text)) this.#pingAfterMs *= 2;
    for (const call of waiting) this.start(call);
  }

  onClosed(link: H2Link<MemberCall>): void {
    this.#ways.delete(link);
  }

  #dial(): void {
    this.#triesLeft -= 1;
    const member = this.#members.current;
    const { address: endpoint, dialer } = member;
    const options = { endpoint, dialer, clock: this.#runtime, settings, pingAfterMs: this.#pingAfterMs };
    const link = new H2Link<MemberCall>(options, this);
    this.#way = { member, link };
    this.#isReady = false;
    this.#ways.set(link, this.#way);
    link.dial();
  }

  #startOn({ member, link }: Way, call: MemberCall): void {
    call.member = member;
    link.start(call);
  }

  #leave(link: H2Link<MemberCall>): void {
    const way = this.#ways.get(link);
    if (way !== undefined && !this.#isClosed) this.#members.leave(way.member);
    if (this.#way === way) this.#way = undefined;
  }

  #failWaiting(why: string): void {
    const message = `conclave: no member of the upstream cluster answers: ${why}`;
    for (const call of this.#waiting) call.fail(new ConclaveError('UNAVAILABLE', message));
  }
}
