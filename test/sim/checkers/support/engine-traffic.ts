import { fromLatin1, latin1, utf8, utf8Text } from '../../../../src/core/bytes.js';
import { EngineHost } from '../../../../src/engine/engine-host.js';
import type { Entry, History, Plain } from '../../../../src/sim/history.js';
import { Prng } from '../../../../src/sim/prng.js';
import { SimRuntime } from '../../../../src/sim/sim-runtime.js';
import type { KvAnswer, KvCompare, KvEvent, KvItem, KvOp, KvTxn } from '../../../../src/sim/vocabulary.js';
import * as m from '../../../../src/store/messages.js';

export interface EngineTraffic {
  readonly seed: number;
  readonly operations: number;
  /** Whether the server's log and its leases' ends are told. */
  readonly log: boolean;
  /** How many answers in 100 are lost. */
  readonly lostPercent: number;
}

/**
 * Random requests of overlapping clients to the real engine: what it answers is right, so a checker must find nothing.
 */
export function engineTraffic(options: EngineTraffic): History {
  const traffic = new Traffic(options);
  // Bounded: each turn calls, carries out or ends one of a limited number of operations.
  while (!traffic.done) traffic.step();
  return traffic.history;
}

interface Under {
  readonly process: string;
  readonly id: number;
  readonly run: () => Plain;
  applied: boolean;
  output: Plain;
}

const keys = ['a', 'a/b', 'b', 'c'];

class Traffic {
  readonly history: Entry[] = [];
  readonly #random: Prng;
  readonly #options: EngineTraffic;
  readonly #host: EngineHost;
  readonly #leases: bigint[] = [];
  readonly #under: Under[] = [];
  #called = 0;
  #restart = 0;

  constructor(options: EngineTraffic) {
    this.#options = options;
    this.#random = new Prng(options.seed);
    this.#host = new EngineHost(new SimRuntime({ seed: 1 }), {
      onEntry: (entry) => {
        if (!options.log || entry.type !== 'changes') return;
        for (const { kv, deleted } of entry.changes.changes) this.#note('kv.event', eventOf(kv, deleted));
        if (entry.endedLease === undefined) return;
        this.#note('lease.ended', { lease: entry.endedLease, cause: 'revoked', revision: entry.changes.revision });
      },
    });
  }

  get done(): boolean {
    return this.#called >= this.#options.operations && this.#under.length === 0;
  }

  step(): void {
    const { operations } = this.#options;
    if (this.#called < operations && this.#under.length < 6 && this.#random.chance(0.4)) {
      this.#call();
      return;
    }
    if (this.#under.length === 0) return;
    const each = this.#random.pick(this.#under);
    if (each.applied) this.#end(each);
    else this.#apply(each);
  }

  #call(): void {
    const [op, input, run] = this.#draw();
    const id = ++this.#called;
    const process = `c${id}.${this.#restart++}`;
    this.#add({ type: 'invoke', process, id, object: 'kv', op, input, atMs: 0 });
    this.#under.push({ process, id, run, applied: false, output: null });
  }

  #apply(each: Under): void {
    // The request itself was lost: its fate is as unknown as if the answer had been.
    if (this.#isLost()) {
      this.#lose(each);
      return;
    }
    each.output = each.run();
    each.applied = true;
  }

  #end(each: Under): void {
    if (this.#isLost()) {
      this.#lose(each);
      return;
    }
    this.#remove(each);
    this.#add({ type: 'ok', process: each.process, id: each.id, output: each.output, atMs: 0 });
  }

  #isLost(): boolean {
    return this.#random.below(100) < this.#options.lostPercent;
  }

  #lose(each: Under): void {
    this.#remove(each);
    if (this.#random.chance(0.5)) return;
    this.#add({ type: 'unknown', process: each.process, id: each.id, error: 'lost', atMs: 0 });
  }

  #remove(each: Under): void {
    this.#under.splice(this.#under.indexOf(each), 1);
  }

  #draw(): [op: string, input: Plain, run: () => Plain] {
    const random = this.#random;
    const choice = random.below(this.#options.log ? 10 : 8);
    if (choice < 3) {
      const op = this.#put();
      return ['kv.put', op.input, () => ({ revision: this.#txn({ ...alone, success: [op] }).revision })];
    }
    if (choice < 5) {
      const op = range(random);
      return ['kv.range', op.input, () => this.#range(op.input)];
    }
    if (choice < 6) {
      const op = remove(random);
      return ['kv.delete', op.input, () => this.#delete(op)];
    }
    if (choice < 8) {
      const txn = this.#drawTxn(true);
      return ['kv.txn', txn, () => this.#txn(txn)];
    }
    if (choice === 8 || this.#leases.length === 0) return ['lease.grant', { lease: 0n }, () => this.#grant()];
    const lease = random.pick(this.#leases);
    return ['lease.revoke', { lease }, () => this.#revoke(lease)];
  }

  #put(): KvOp & { op: 'put' } {
    const random = this.#random;
    const live = this.#leases.length > 0 && random.chance(0.5);
    const lease = live ? random.pick(this.#leases) : 0n;
    return { op: 'put', input: { key: random.pick(keys), value: `${random.below(4)}`, lease } };
  }

  #drawTxn(nested: boolean): KvTxn {
    const random = this.#random;
    // One write each way: etcd refuses a key that is written twice.
    const branch = (): KvOp[] => {
      const write = random.chance(0.5) ? this.#put() : remove(random);
      const inner = nested && random.chance(0.3) ? { op: 'txn' as const, input: this.#drawTxn(false) } : undefined;
      const middle = random.chance(0.3) ? [] : [inner ?? write];
      return [...(random.chance(0.5) ? [range(random)] : []), ...middle, range(random)];
    };
    const compare = Array.from({ length: random.below(3) }, () => drawCompare(random));
    return { compare, success: branch(), failure: branch() };
  }

  #range(input: (KvOp & { op: 'range' })['input']): Plain {
    const response = this.#host.range(rangeRequest(input));
    return { revision: response.header.revision, kvs: response.kvs.map(itemOf), count: response.count };
  }

  #delete(op: KvOp): Plain {
    const { revision, responses } = this.#txn({ ...alone, success: [op] });
    return { revision, deleted: (responses[0] as { deleted: bigint }).deleted };
  }

  /** A put on a lease that has ended meanwhile is refused: then the lease is left out. */
  #txn(txn: KvTxn): { revision: bigint; succeeded: boolean; responses: KvAnswer[] } {
    const response = this.#host.txn(txnRequest(txn));
    const { header, succeeded, responses } = response;
    return { revision: header.revision, succeeded, responses: responses.map(answerOf) };
  }

  #grant(): Plain {
    this.#leases.push(this.#host.leaseGrant({ ttl: 100_000n }).id);
    return { ttlMs: 100_000_000 };
  }

  #revoke(lease: bigint): Plain {
    // Others may be about to use it: the engine would refuse them, and this traffic has no refusals.
    const at = this.#leases.indexOf(lease);
    if (at < 0 || this.#under.length > 1) return null;
    this.#leases.splice(at, 1);
    this.#host.leaseRevoke({ id: lease });
    return null;
  }

  #note(fact: string, data: Plain): void {
    this.#add({ type: 'note', process: 'server', object: 'kv', fact, data, atMs: 0 });
  }

  #add(entry: Entry): void {
    this.history.push({ ...entry, atMs: this.history.length });
  }
}

const alone = { compare: [], failure: [] } as const;

function range(random: Prng): KvOp & { op: 'range' } {
  const whole = random.chance(0.4);
  const limit = random.chance(0.2) ? { limit: 1 } : {};
  return {
    op: 'range',
    input: { key: random.pick(keys), ...(whole && { rangeEnd: random.pick(['b', '\0', 'd']) }), ...limit },
  };
}

function remove(random: Prng): KvOp & { op: 'delete' } {
  return { op: 'delete', input: { key: random.pick(keys), ...(random.chance(0.3) && { rangeEnd: 'c' }) } };
}

function drawCompare(random: Prng): KvCompare {
  const target = random.pick(['create', 'mod', 'version', 'value', 'lease'] as const);
  const operand = target === 'value' ? `${random.below(4)}` : BigInt(random.below(3));
  const rangeEnd = random.chance(0.3) ? { rangeEnd: 'c' } : {};
  return { key: random.pick(keys), target, result: random.pick(['=', '>', '<', '!='] as const), operand, ...rangeEnd };
}

function rangeRequest({ key, rangeEnd, limit }: (KvOp & { op: 'range' })['input']): m.RangeRequest {
  return {
    key: fromLatin1(key),
    rangeEnd: rangeEnd === undefined ? undefined : fromLatin1(rangeEnd),
    limit: BigInt(limit ?? 0),
  };
}

function txnRequest({ compare, success, failure }: KvTxn): m.TxnRequest {
  return { compare: compare.map(compareRequest), success: success.map(opRequest), failure: failure.map(opRequest) };
}

function opRequest(op: KvOp): m.RequestOp {
  if (op.op === 'range') return { type: 'range', request: rangeRequest(op.input) };
  if (op.op === 'txn') return { type: 'txn', request: txnRequest(op.input) };
  if (op.op === 'put') {
    const { key, value, lease } = op.input;
    return { type: 'put', request: { key: fromLatin1(key), value: utf8(value), lease } };
  }
  const { key, rangeEnd } = op.input;
  const request = { key: fromLatin1(key), rangeEnd: rangeEnd === undefined ? undefined : fromLatin1(rangeEnd) };
  return { type: 'deleteRange', request };
}

const targets = {
  create: 'createRevision',
  mod: 'modRevision',
  version: 'version',
  value: 'value',
  lease: 'lease',
} as const;
const results = { '=': 'equal', '>': 'greater', '<': 'less', '!=': 'notEqual' } as const;

function compareRequest({ key, rangeEnd, target, result, operand }: KvCompare): m.Compare {
  return {
    key: fromLatin1(key),
    rangeEnd: rangeEnd === undefined ? undefined : fromLatin1(rangeEnd),
    target: m.CompareTarget[target],
    result: m.CompareResult[results[result]],
    [targets[target]]: typeof operand === 'string' ? utf8(operand) : operand,
  };
}

function answerOf(op: m.ResponseOp): KvAnswer {
  switch (op.type) {
    case 'range':
      return { op: 'range', kvs: op.response.kvs.map(itemOf), count: op.response.count };
    case 'deleteRange':
      return { op: 'delete', deleted: op.response.deleted };
    case 'txn':
      return { op: 'txn', succeeded: op.response.succeeded, responses: op.response.responses.map(answerOf) };
    default:
      return { op: 'put' };
  }
}

export function itemOf(kv: m.KeyValue): KvItem {
  const { createRevision: create, modRevision: mod, version, lease } = kv;
  return { key: latin1(kv.key), value: utf8Text(kv.value), create, mod, version, lease };
}

export function eventOf(kv: m.KeyValue, deleted: boolean): KvEvent {
  const { key, value, create, mod, version, lease } = itemOf(kv);
  return { revision: mod, type: deleted ? 'delete' : 'put', key, value, create, version, lease };
}
