import { type Bytes, concatBytes, utf8, utf8Text } from '../core/bytes.js';
import { type Span, below as spanBelow } from '../line/rule.js';

const seqDigits = 16;
const priorityDigits = 4;
const dueDigits = 15;

/** Highest priority: 999, lowest: -999. What is subtracted from keeps the digits' order: the highest comes first. */
export const priorityLimit = 999;

/** The keys of one queue; README.md beside this file has the table. */
export class QueueKeys {
  readonly root: string;
  readonly tail: string;
  readonly jobs: string;
  readonly ready: string;
  readonly taken: string;
  readonly delayed: string;
  readonly dead: string;
  /** In front of every ready job: while it is there nothing is handed out. */
  readonly paused: string;
  /** Who has paused or resumed the queue last: stays when the mark is gone. */
  readonly switch: string;
  /** Tickets whose group is at another job. */
  readonly waiting: string;
  /** Groups that have a job in front of theirs: its number. */
  readonly busy: string;
  /** Groups whose job has left them, until somebody has brought the next one forward. */
  readonly vacant: string;
  readonly slots: string;
  readonly idle: Bytes;
  readonly keepers: Bytes;
  readonly gone: string;
  /** Counts what was cancelled; who did so last. */
  readonly cancelled: string;
  readonly schedules: string;

  constructor(prefix: Bytes) {
    this.root = utf8Text(prefix);
    this.tail = `${this.root}tail`;
    this.jobs = `${this.root}jobs/`;
    this.ready = `${this.root}ready/`;
    this.taken = `${this.root}taken/`;
    this.delayed = `${this.root}delayed/`;
    this.dead = `${this.root}dead/`;
    this.paused = `${this.ready}!`;
    this.switch = `${this.root}switch`;
    this.waiting = `${this.root}waiting/`;
    this.busy = `${this.root}busy/`;
    this.vacant = `${this.root}vacant/`;
    this.slots = `${this.root}slots/`;
    this.idle = utf8(`${this.root}idle/`);
    this.keepers = utf8(`${this.root}keepers/`);
    this.gone = `${this.root}gone/`;
    this.cancelled = `${this.gone}cancelled`;
    this.schedules = `${this.root}schedules/`;
  }

  job(seq: number): string {
    return this.jobs + digits(seq, seqDigits);
  }

  readyOf({ seq, priority }: { readonly seq: number; readonly priority: number }): string {
    return this.band(priority) + digits(seq, seqDigits);
  }

  /** The ready jobs of one priority. */
  band(priority: number): string {
    return `${this.ready}${digits(priorityLimit + 1 - priority, priorityDigits)}/`;
  }

  /** Where a job comes that was away: in front of those of its priority that never were. */
  backOf({ seq, priority }: { readonly seq: number; readonly priority: number }): string {
    return `${this.band(priority)}!${digits(seq, seqDigits)}`;
  }

  delayedOf(seq: number, dueMs: number): string {
    return `${this.delayed}${digits(dueMs, dueDigits)}/${digits(seq, seqDigits)}`;
  }

  /** Any text, as a name without slashes. */
  dedupeOf(dedupeKey: string): string {
    return `${this.root}dedupe/${encodeURIComponent(dedupeKey)}`;
  }

  deadOf(seq: number): string {
    return this.dead + digits(seq, seqDigits);
  }

  takenOf(seq: number): string {
    return this.taken + digits(seq, seqDigits);
  }

  waitingOf(group: string, seq: number): string {
    return this.waitingIn(group) + digits(seq, seqDigits);
  }

  waitingIn(group: string): string {
    return `${this.waiting}${encodeURIComponent(group)}/`;
  }

  busyOf(group: string): string {
    return this.busy + encodeURIComponent(group);
  }

  vacantOf(group: string): string {
    return this.vacant + encodeURIComponent(group);
  }

  scheduleOf(name: string): string {
    return this.schedules + encodeURIComponent(name);
  }

  progressOf(seq: number): string {
    return `${this.root}progress/${digits(seq, seqDigits)}`;
  }

  resultOf(seq: number): string {
    return `${this.root}results/${digits(seq, seqDigits)}`;
  }
}

/** Everything below `prefix`. */
export function below(prefix: string): Span {
  return spanBelow(utf8(prefix));
}

/** The first key that can come after `key`: where a walk goes on, or a range ends that has `key` in it. */
export function keyAfter(key: Bytes): Bytes {
  return concatBytes(key, zero);
}

const zero = new Uint8Array([0]);

/** The number at the end of a key. */
export function seqAt(key: Bytes): number {
  return Number(utf8Text(key.subarray(key.length - seqDigits)));
}

/** When the job of a key below `delayed/` is due, in milliseconds since 1970. */
export function dueMsAt(key: Bytes): number {
  const end = key.length - seqDigits - 1;
  return Number(utf8Text(key.subarray(end - dueDigits, end)));
}

function digits(value: number, length: number): string {
  return value.toString().padStart(length, '0');
}
