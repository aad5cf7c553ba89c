import type { KvEvent, KvItem, KvPut, KvRange, KvTxn } from '../vocabulary.js';
import { KvExplain } from './kv-explain.js';
import type { Acked, Unsure } from './kv-linearizable.js';
import { type Changes, KvModel, type Outcome } from './kv-model.js';
import {
  answerOf,
  type KvName,
  keysOf,
  sameAnswers,
  sameChanges,
  sameItem,
  sameItems,
  touches,
  txnOf,
} from './kv-requests.js';
import type { Fact, OkOperation } from './operations.js';
import { broken, undecided, type Violation } from './violation.js';
import { itemOf } from './watch-log.js';

export interface KvEvidence {
  readonly log: readonly Fact<'kv.event'>[];
  readonly leaseEnds: readonly Fact<'lease.ended'>[];
  readonly unsure: readonly Unsure[];
  /** Whether keys may go with a lease. */
  readonly leasesUsed: () => boolean;
  readonly foreignWrites: boolean;
  /** Of the search for writers; undefined: its own bound. */
  readonly maxSteps?: number | undefined;
}

/** After so many the state is wrong for good, and more findings say nothing. */
const findingsMax = 20;

/** etcd's revision before the first write. */
const firstRevision = 1;

/** Replays requests in the order of revisions, and judges each by the state that it met. */
export class KvReplay {
  readonly #model = new KvModel();
  readonly #explain: KvExplain;
  readonly #found: Violation[] = [];
  /** Where the replay stands. */
  #revision = firstRevision;
  #begun = false;
  #lastWrite: Acked | undefined;
  /** Keys that are known since the last revision that nobody can explain; undefined: all are. */
  #known: Set<string> | undefined;
  #unexplained = 0;
  #unjudged = 0;

  constructor(evidence: KvEvidence) {
    this.#explain = new KvExplain(evidence);
  }

  /** `acked` in the order of `at`, writes first. */
  judge(acked: readonly Acked[]): Violation[] {
    for (let i = 0; i < acked.length && this.#found.length < findingsMax; i++) {
      const each = acked[i] as Acked;
      this.#fill(each.writes ? each.at - 1 : each.at);
      this.#begun = true;
      if (!each.writes) {
        this.#read(each);
        continue;
      }
      const others = togetherWith(acked, i);
      i += others.length;
      this.#write(each, others);
    }
    this.#fill(Math.max(this.#revision, this.#explain.logUpTo));
    if (this.#unexplained > 0) {
      const message =
        `${this.#unexplained} revisions have no known writer, and ${this.#unjudged} answers could not be ` + `judged`;
      this.#found.push(undecided('kv-linearizable: witness', `${message}: record the log of the store`));
    }
    return this.#found;
  }

  /** Carries the state up to `revision` by what nobody acknowledged: by the log as far as that reaches. */
  #fill(revision: number): void {
    this.#skip(Math.min(revision, this.#explain.logAfter));
    const covered = Math.min(revision, this.#explain.logUpTo);
    // Bounded: the revision grows to that asked for.
    while (this.#revision < covered && this.#found.length < findingsMax) {
      this.#revision += 1;
      const finding = this.#explain.judge(this.#revision, this.#model);
      if (finding !== undefined) this.#found.push(finding);
      this.#follow(this.#explain.eventsAt(this.#revision));
    }
    this.#skip(revision);
  }

  /** Over revisions of which nothing is known, so that nothing is known of the keys any more. */
  #skip(revision: number): void {
    if (revision <= this.#revision) return;
    // What was before the recording began needs no writer.
    if (this.#begun) this.#explain.checkHoles(this.#revision, revision, this.#found);
    this.#unexplained += revision - this.#revision;
    this.#known = new Set();
    this.#revision = revision;
  }

  /** `others`: what the same process wrote at the same revision, in one batch with `acked`. */
  #write(acked: Acked, others: readonly Acked[]): void {
    const { operation, at } = acked;
    if (at <= this.#revision) {
      const other = this.#lastWrite?.at === at ? this.#lastWrite.operation : undefined;
      const message = `${operation.process} wrote at revision ${at}, which was taken`;
      this.#found.push(broken('kv-linearizable: unique', message, other?.end, operation.invoke, operation.end));
      return;
    }
    this.#revision = at;
    this.#lastWrite = acked;
    const events = this.#explain.eventsAt(at);
    const isCovered = this.#explain.covers(at);
    // Whoever wrote beside it is known by the process, and was of its batch; what it wrote is found in the log.
    if (others.length > 0 || (isCovered && events.length > 1)) this.#writeTogether([acked, ...others], events);
    else {
      const changes = this.#changesOf(operation, at);
      if (changes !== undefined && isCovered && !sameChanges(changes, events)) this.#notLogged(acked, events);
    }
    // The log is the truth: a wrong answer must not make all that follow look wrong.
    this.#follow(events);
  }

  /** Members of a batch: each is judged by the state before all of them, since none may touch what another wrote. */
  #writeTogether(batch: readonly Acked[], events: readonly KvEvent[]): void {
    const [first] = batch as readonly [Acked];
    const { at } = first;
    if (!batch.every(({ operation }) => this.#knows(operation))) {
      for (const { operation } of batch) this.#changesOf(operation, at);
      return;
    }
    const outcomes = batch.map(({ operation }) => this.#model.run(txnOf(operation) as KvTxn, BigInt(at)));
    batch.forEach(({ operation }, i) => {
      this.#judgeTxn(operation, outcomes[i] as Outcome);
      const touched = outcomes.some(
        ({ changes }, j) => j !== i && [...changes.keys()].some((key) => touches(txnOf(operation) as KvTxn, key)),
      );
      if (!touched) return;
      const message = `${operation.process}: two members of a batch at revision ${at} touch the same key`;
      this.#found.push(broken('kv-linearizable: together', message, operation.invoke, operation.end));
    });
    const changes = new Map(outcomes.flatMap((outcome) => [...outcome.changes]));
    if (this.#explain.covers(at)) {
      const acknowledged = events.filter(({ key }) => changes.has(key));
      const rest = events.filter(({ key }) => !changes.has(key));
      if (!sameChanges(changes, acknowledged)) this.#notLogged(first, events);
      const finding =
        rest.length === 0 ? undefined : this.#explain.judgeRest(at, rest, this.#model, first.operation.process);
      if (finding !== undefined) this.#found.push(finding);
    }
    this.#model.commit(changes);
  }

  #notLogged({ operation, at }: Acked, events: readonly KvEvent[]): void {
    const rule = events.length === 0 ? 'kv-linearizable: nothing lost' : 'kv-linearizable: log';
    const message =
      `${operation.process} wrote at revision ${at}, and the log shows ` +
      `${events.length === 0 ? 'nothing' : 'something else'} there`;
    this.#found.push(broken(rule, message, operation.invoke, operation.end, this.#explain.noteAt(at)));
  }

  /** Judges the answer to a write and carries it out; what it changed, or undefined: its keys are not known. */
  #changesOf(operation: OkOperation<KvName>, revision: number): Changes | undefined {
    const put = plainPut(operation);
    if (put !== undefined && this.#known === undefined) {
      const item = this.#model.put(put.key, put.value, put.lease ?? 0n, BigInt(revision));
      return this.#explain.covers(revision) ? new Map([[put.key, item]]) : undefined;
    }
    if (!this.#knows(operation)) {
      this.#unjudged += 1;
      this.#forget(keysOf(operation));
      return undefined;
    }
    const outcome = this.#model.run(txnOf(operation) as KvTxn, BigInt(revision));
    this.#judgeTxn(operation, outcome);
    this.#model.commit(outcome.changes);
    return outcome.changes;
  }

  #read({ operation, at }: Acked): void {
    if (operation.op !== 'kv.range') {
      if (this.#knows(operation)) this.#judgeTxn(operation, this.#model.run(txnOf(operation) as KvTxn, BigInt(at + 1)));
      else this.#unjudged += 1;
      return;
    }
    const { input, output, invoke, end } = operation as OkOperation<'kv.range'>;
    if (!this.#knows(operation)) {
      this.#learn(input, output.kvs);
      return;
    }
    if (isPlainRead(input)) {
      // As most are: one key, and nothing to put together.
      const there = this.#model.items.get(input.key);
      const [shown] = output.kvs;
      if (there === undefined ? shown === undefined : shown !== undefined && sameItem(there, shown)) return;
    }
    const due = this.#model.range(input);
    if (agrees(input, output.kvs, due.kvs, this.#model) && (input.shaped === true || output.count === due.count))
      return;
    const message = `${operation.process} read ${input.key} at revision ${at}, and not what was there`;
    this.#found.push(broken('kv-linearizable: read', message, this.#lastWrite?.operation.end, invoke, end));
  }

  #judgeTxn(operation: OkOperation<KvName>, due: ReturnType<KvModel['run']>): void {
    const given = answerOf(operation);
    const txn = txnOf(operation) as KvTxn;
    const branch = due.succeeded ? txn.success : txn.failure;
    if (given.succeeded === due.succeeded && sameAnswers(branch, given.responses, due.responses)) return;
    const message =
      `${operation.process}: ${operation.op} at revision ${this.#revision} was not answered from what was ` + `there`;
    const { invoke, end } = operation;
    this.#found.push(broken('kv-linearizable: txn', message, this.#lastWrite?.operation.end, invoke, end));
  }

  #follow(events: readonly KvEvent[]): void {
    for (const event of events) {
      this.#model.set(event.key, event.type === 'put' ? itemOf(event) : null);
      this.#known?.add(event.key);
    }
  }

  #knows(operation: OkOperation<KvName>): boolean {
    const known = this.#known;
    if (known === undefined) return true;
    return keysOf(operation)?.every((key) => known.has(key)) ?? false;
  }

  #forget(keys: readonly string[] | null): void {
    if (keys === null) this.#known?.clear();
    else for (const key of keys) this.#known?.delete(key);
  }

  /** A read of one key tells what nobody else could. */
  #learn({ key, rangeEnd, countOnly, keysOnly, shaped, revision }: KvRange, kvs: readonly KvItem[]): void {
    this.#unjudged += 1;
    if (rangeEnd !== undefined || countOnly || keysOnly || shaped || revision !== undefined) return;
    this.#model.set(key, kvs[0] ?? null);
    this.#known?.add(key);
  }
}

/** The writes behind `acked[at]` that the same process was told of at the same revision while it was under way. */
function togetherWith(acked: readonly Acked[], at: number): Acked[] {
  const first = acked[at] as Acked;
  const others: Acked[] = [];
  for (let i = at + 1; i < acked.length; i++) {
    const each = acked[i] as Acked;
    const { operation } = each;
    const isBeside = operation.from < first.operation.endAt && first.operation.from < operation.endAt;
    if (!each.writes || each.at !== first.at || operation.process !== first.operation.process || !isBeside) break;
    others.push(each);
  }
  return others;
}

function plainPut(operation: OkOperation<KvName>): KvPut | undefined {
  if (operation.op !== 'kv.put') return undefined;
  const { input } = operation as OkOperation<'kv.put'>;
  return input.ignoreLease === true || input.ignoreValue === true ? undefined : input;
}

function isPlainRead({ rangeEnd, limit, countOnly, keysOnly }: KvRange): boolean {
  return rangeEnd === undefined && limit === undefined && countOnly !== true && keysOnly !== true;
}

/** A range whose order and filters are not judged shows only what is there. */
function agrees(input: KvRange, given: readonly KvItem[], due: readonly KvItem[], model: KvModel): boolean {
  if (input.shaped !== true) return sameItems(given, due);
  return given.every((item) => {
    const there = model.items.get(item.key);
    return there !== undefined && sameItem(input.keysOnly === true ? { ...there, value: '' } : there, item);
  });
}
