import { Code } from '../http2/protocol.js';
import type { H2Clock } from './h2-clock.js';

/** etcd refuses pings less than 5 s apart, and those of a connection without calls. */
export const defaultPingAfterMs = 10_000;
/** How long a ping may stay unanswered. */
export const pingTimeoutMs = 5_000;

/** Whether a GOAWAY says that we have asked too often. */
export function isTooManyPings(code: number, text: string): boolean {
  return code === Code.calm && text.includes('too_many_pings');
}

/** What a keepalive watches. */
export interface Pinged {
  /** Whether there are calls that wait for something. */
  readonly isBusy: boolean;
  ping(): void;
  /** Nothing was heard for so long. */
  onSilent(ms: number): void;
}

/**
 * Finds out that a peer has vanished without a word: one that says nothing for `pingAfterMs` is asked, and must say
 * something then; one that was idle as long is asked with the first call after it. Anything that is heard is a sign of
 * life, so that a busy connection is never asked.
 */
export class H2Keepalive {
  readonly #clock: H2Clock;
  readonly #pinged: Pinged;
  readonly #pingAfterMs: number;
  #heardAtMs: number;
  #pingedAtMs: number | undefined;
  #stopTimer: () => void = () => {};

  constructor(clock: H2Clock, pinged: Pinged, pingAfterMs: number) {
    this.#clock = clock;
    this.#pinged = pinged;
    this.#pingAfterMs = pingAfterMs;
    this.#heardAtMs = clock.monotonicMs();
    this.#arm(pingAfterMs);
  }

  heard(): void {
    this.#heardAtMs = this.#clock.monotonicMs();
    this.#pingedAtMs = undefined;
  }

  /** A call has been sent to a peer that owed nothing, and may have vanished since: nobody has asked it. */
  awaken(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#pingedAtMs === undefined && nowMs - this.#heardAtMs >= this.#pingAfterMs) this.#ask(nowMs);
  }

  stop(): void {
    this.#stopTimer();
  }

  #arm(delayMs: number): void {
    this.#stopTimer();
    this.#stopTimer = this.#clock.setTimer(delayMs, () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const silentMs = nowMs - this.#heardAtMs;
    if (this.#pingedAtMs !== undefined) {
      const leftMs = this.#pingedAtMs + pingTimeoutMs - nowMs;
      if (leftMs <= 0) this.#pinged.onSilent(Math.round(silentMs));
      else this.#arm(leftMs);
    } else if (silentMs < this.#pingAfterMs) {
      this.#arm(this.#pingAfterMs - silentMs);
    } else if (this.#pinged.isBusy) {
      this.#ask(nowMs);
    } else {
      this.#arm(this.#pingAfterMs);
    }
  }

  #ask(nowMs: number): void {
    this.#pingedAtMs = nowMs;
    this.#pinged.ping();
    this.#arm(pingTimeoutMs);
  }
}
