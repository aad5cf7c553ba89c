import { barrierMutants } from './barrier-mutants.js';
import { batchMutants } from './batch-mutants.js';
import { cacheMutants } from './cache-mutants.js';
import { configMutants } from './config-mutants.js';
import { counterMutants } from './counter-mutants.js';
import { crowdMutants } from './crowd-mutants.js';
import { engineMutants } from './engine-mutants.js';
import { ephemeralMutants } from './ephemeral-mutants.js';
import { holdMutants } from './hold-mutants.js';
import type { Mutant } from './mutant.js';
import { partitionMutants } from './partition-mutants.js';
import { queueMutants } from './queue-mutants.js';
import { registryMutants } from './registry-mutants.js';
import { sharingMutants } from './sharing-mutants.js';
import { stmMutants } from './stm-mutants.js';

/**
 * Each of these is a bug that a well-known system had (DESIGN.md section 3, reliability.md section 1). The simulator
 * must find every one of them, or it proves nothing about those that nobody has thought of.
 */
export const mutants: readonly Mutant[] = [
  ...batchMutants,
  ...barrierMutants,
  ...queueMutants,
  ...cacheMutants,
  ...configMutants,
  ...crowdMutants,
  ...counterMutants,
  ...engineMutants,
  ...ephemeralMutants,
  ...holdMutants,
  ...stmMutants,
  ...partitionMutants,
  ...registryMutants,
  ...sharingMutants,
  {
    name: 'deadline from receive time',
    origin: "Go's concurrency.Session, npm etcd3: reliability.md finding 2",
    edits: [
      {
        file: 'lease/heartbeat.js',
        find: 'this.#listener.acknowledged(sentAt,',
        replace: 'this.#listener.acknowledged(runtime.clocks(),',
      },
    ],
    workloads: ['lease', 'lock'],
    rules: ['held-in-time: deadline', 'held-in-time: expired'],
  },
  {
    name: 'no look at the own key after the wait',
    origin: "etcd #11456, and Go's Election.Campaign to this day",
    edits: [
      {
        file: 'line/sight.js',
        find: `        compare: [createdAt(key, createRevision)],
        success: rule.reads(`,
        replace: `        compare: [],
        success: rule.reads(`,
      },
      {
        file: 'line/sight.js',
        find: 'if (own?.createRevision !== createRevision)',
        replace: 'if (own?.createRevision === 0n)',
      },
    ],
    workloads: ['lock', 'election'],
    rules: ['first-in-line'],
  },
  {
    name: 'release by name',
    origin: 'etcd #22082: a repeated Unlock deletes a newer lock',
    edits: [
      {
        file: 'line/place.js',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: code to look for
        find: '`${leaseId.toString(16)}.${nonce}`',
        replace: 'leaseId.toString(16)',
      },
      {
        file: 'line/leave.js',
        find: 'const txn = { compare: [createdAt(key, createRevision)], success: [remove(key)] };',
        replace: 'const txn = { compare: [], success: [remove(key)] };',
      },
    ],
    workloads: ['lock'],
    rules: ['mutual-exclusion: exclusive'],
  },
  {
    name: 'blind retry of a txn',
    origin: "etcd #14890, npm etcd3's default policy",
    edits: [
      {
        file: 'wire/calls.js',
        find: "const repeatable = kind === 'read' || failure.outcome === 'not-applied';",
        replace: 'const repeatable = true;',
      },
    ],
    workloads: ['kv', 'lock'],
    rules: ['kv'],
  },
  {
    name: 'a closed watch taken for the event',
    origin: 'etcd experimental/recipes waitEvents: Barrier.Wait returns when its channel closes',
    edits: [
      {
        file: 'line/doorbell.js',
        find: "onEnd: (error) => (ConclaveError.is(error, 'COMPACTED') ? rung.resolve() : rung.reject(error)),",
        replace: 'onEnd: () => rung.resolve(),',
      },
      {
        file: 'line/line.js',
        find: `        return this.#look(standing, signal, wait, bell.heard);
    }`,
        replace: `        return { verdict: { type: 'admitted' }, header: { revision: 0n } };
    }`,
      },
    ],
    workloads: ['lock', 'election'],
    rules: ['mutual-exclusion: exclusive', 'election: one leader'],
  },
  {
    name: 'resume from the header revision',
    origin: 'reliability.md section 1, config watch',
    edits: [
      {
        file: 'wire/watch-entry.js',
        find: `        if (this.#told === -1n)
            this.#told = revision;`,
        replace: '        this.#told = revision;',
      },
      {
        file: 'wire/watch-entry.js',
        find: `        if (this.#ended || this.#created)
            return;
        this.#created = true;`,
        replace: `        if (this.#ended)
            return;
        this.#created = true;`,
      },
    ],
    workloads: ['kv'],
    rules: ['watch: reliable'],
  },
  {
    name: 'held is a flag that a timer clears',
    origin: 'reliability.md finding 5: stale in 8 of 8 stalls of the event loop',
    edits: [
      {
        file: 'line/hold.js',
        find: 'return Math.min(this.session.remainingMs, remainingMs);',
        replace: 'return 1;',
      },
    ],
    workloads: ['lock', 'election'],
    rules: ['held-in-time: deadline', 'held-in-time: expired'],
  },
  {
    name: 'nested names in one line',
    origin: 'etcd #6278',
    edits: [{ file: 'line/place.js', find: "!suffix.includes('/') &&", replace: '' }],
    workloads: ['lock'],
    rules: ['liveness: finished', 'no-hanging-promise'],
  },
  {
    name: "clean-up bounded by the caller's timeout",
    origin: 'Curator #600, kazoo #732: a waiter that nobody knows of',
    edits: [
      {
        file: 'line/leave.js',
        find: 'await untilAnswered(runtime, footing.signal, () => store.txn(txn), doubt);',
        replace: 'await store.txn(txn, { timeoutMs: 50 });',
      },
      {
        file: 'line/leave.js',
        find: 'for (let i = 0; i < lateSweeps && !footing.signal.aborted; i++) {',
        replace: 'for (let i = 0; i < 0; i++) {',
      },
    ],
    workloads: ['lock', 'election'],
    rules: ['liveness: finished', 'no-hanging-promise'],
  },
  {
    name: 'a waiter that trusts its watches',
    origin: 'etcd #18089: a DELETE that is lost around a compaction is never told',
    edits: [
      {
        file: 'line/line.js',
        find: 'this.#rule.bells(wait, standing.key), lookAgainMs)',
        replace: 'this.#rule.bells(wait, standing.key), Number.POSITIVE_INFINITY)',
      },
    ],
    workloads: ['lock'],
    rules: ['liveness: finished', 'no-hanging-promise'],
  },
  {
    name: 'proclaim without a guard',
    origin: 'DESIGN.md section 3, rule 2: ownership is a create revision, not a name',
    edits: [
      {
        file: 'election/proclaim.js',
        find: 'compare: valueRevision === term ? [createdAt(key, term), stands] : [stands],',
        replace: 'compare: [],',
      },
      {
        file: 'election/proclaim.js',
        find: 'const lease = leaseId === undefined ? { ignoreLease: true } : { lease: leaseId };',
        replace: 'const lease = {};',
      },
    ],
    workloads: ['election'],
    rules: ['election', 'nothing-left'],
  },
  {
    name: 'handed over past those who stand between',
    origin: 'whoever resigns and hopes (client-go, Curator) does not choose who leads',
    edits: [{ file: 'election/hand-over.js', find: 'if (at === 0)', replace: 'if (at >= 0)' }],
    workloads: ['election'],
    rules: ['election: hand-over'],
  },
  {
    name: 'held until the hand-over is confirmed',
    origin: 'DESIGN.md section 3, rule 1: a holder knows before the server does',
    edits: [
      {
        file: 'election/leadership.js',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: code to look for
        find: 'this.letGo(`handed over to ${utf8Text(successor.key)}`);',
        replace: '',
      },
    ],
    workloads: ['election'],
    rules: ['election: one leader', 'held-in-time'],
  },
  {
    name: 'a place that was moved is not cleaned up',
    origin: 'Curator #600, for a key that is not where it was made',
    edits: [
      {
        file: 'line/line.js',
        find: 'await sweep(this.#context, this.#footing, place, entered, doubtful);',
        replace: `await sweep(
            this.#context,
            this.#footing,
            { ...place, stem: { key: place.key, rangeEnd: Buffer.concat([place.key, Buffer.from([0])]) } },
            entered,
            doubtful,
        );`,
      },
    ],
    workloads: ['election'],
    rules: ['liveness: finished', 'no-hanging-promise', 'nothing-left'],
  },
  {
    name: 'a lost answer told as a refusal',
    origin: 'DESIGN.md section 3, rule 4: a reply that never came is a state of its own',
    edits: [
      {
        file: 'store/etcd-errors.js',
        find: "isDoubtful ? 'unknown' : 'not-applied'",
        replace: "'not-applied'",
      },
    ],
    workloads: ['kv'],
    rules: ['kv-linearizable'],
  },
  {
    name: 'a lock broken without its fence',
    origin: "Hazelcast's forceUnlock, v3lock's Unlock: whoever holds by now loses it",
    edits: [
      {
        file: 'inspect/break.js',
        find: '.holders.find(({ createRevision }) => createRevision === ifFence);',
        replace: '.holders[0];',
      },
      { file: 'inspect/break.js', find: 'compare: [createdAt(key, fence)]', replace: 'compare: []' },
    ],
    workloads: ['lock'],
    rules: ['mutual-exclusion: exclusive', 'held-in-time'],
  },
  {
    name: 'a restart that goes on counting old time to live',
    origin: 'etcd grants every lease its full TTL again at a restart',
    edits: [
      {
        file: 'engine/engine.js',
        find: 'this.#leases.renewAll(nowMs);',
        replace: 'this.#leases.extendAll(-900);',
      },
    ],
    workloads: ['lease', 'lock'],
    rules: ['lease-not-early', 'held-in-time'],
  },
  {
    name: 'a registration that gives up',
    origin: 'kratos #3883, go-zero #1926: registrations that never come back after an outage',
    edits: [
      {
        file: 'lease/kept-key.js',
        find: "if ((!isFull && unanswered(error)) || ConclaveError.is(error, 'SESSION_LOST', 'LEASE_NOT_FOUND'))",
        replace: 'if (this.#status === "pending" && unanswered(error))',
      },
    ],
    workloads: ['registry'],
    rules: ['registrations: comes back'],
  },
  {
    name: 'a late put brings a registration back',
    origin: 'Curator #600: what a request of unknown fate makes is nobody’s',
    edits: [{ file: 'lease/kept-key.js', find: 'if (!this.#doubtful)', replace: 'if (true)' }],
    workloads: ['registry'],
    rules: ['registrations: stays gone'],
  },
  {
    name: 'a re-list that keeps what has gone',
    origin: 'apache/apisix #12834: resync must equal increments',
    edits: [
      {
        file: 'store/mirror.js',
        find: 'if (!after.has(key))',
        replace: 'if (false)',
      },
    ],
    workloads: ['registry'],
    rules: ['convergence: existed', 'convergence: last seen'],
  },
  {
    name: 'a lost DELETE that nobody finds out about',
    origin: 'etcd #18089, #19179: a watch alone shows what is gone for ever',
    edits: [
      {
        file: 'store/mirror.js',
        find: 'if (doubt === revision)',
        replace: 'if (revision !== 0n) return undefined;\n        if (doubt === revision)',
      },
    ],
    workloads: ['registry'],
    rules: ['convergence: last seen', 'registrations: comes back'],
  },
  {
    name: 'count without a txn',
    origin: 'every semaphore that reads, then writes: two callers see the same room (Consul, Curator’s first one)',
    edits: [
      {
        file: 'line/enter.js',
        find: `        const txn = await store.txn({
            compare: [notMade(place), ...termsOf(agreement, agreed)],`,
        replace: `        const counted = await store.txn({ compare: [], success: reads, failure: [] });
        const txn = await store.txn({
            compare: [notMade(place), ...termsOf(agreement, agreed)],`,
      },
      {
        file: 'line/enter.js',
        find: `return entered(store, rule, place, txn, reads.length);
        const own = rangeAt(txn, 0)`,
        replace: `return entered(store, rule, place, { ...txn, responses: [...counted.responses, 0] }, reads.length);
        const own = rangeAt(txn, 0)`,
      },
    ],
    workloads: ['shared-locks'],
    rules: ['semaphore: bounded', 'semaphore: fair', 'rwlock: exclusive'],
  },
  {
    name: 'places counted, not permits',
    origin: 'issue 5: permits with weights',
    edits: [
      {
        file: 'line/weighted.js',
        find: 'elders.map((elder) => weightOf(prefix, elder))',
        replace: 'elders.map(() => 1)',
      },
    ],
    workloads: ['shared-locks'],
    rules: ['semaphore: bounded', 'semaphore: fair'],
  },
  {
    name: 'several locks in the order given',
    origin: 'Redisson, Curator multi-locks: two callers with other orders wait for each other',
    edits: [
      {
        file: 'lock-all/lock-all.js',
        find: 'const sorted = [...given].sort((a, b) => (a.order < b.order ? -1 : 1));',
        replace: 'const sorted = [...given];',
      },
    ],
    workloads: ['shared-locks'],
    rules: ['liveness: finished', 'no-hanging-promise'],
  },
  {
    name: 'a partial hold left after an abort',
    origin: 'issue 5: all or nothing',
    edits: [
      {
        file: 'line/join-all.js',
        find: 'await farewell(context, letGo(context, session, got));',
        replace: '',
      },
    ],
    workloads: ['shared-locks'],
    rules: ['liveness: finished', 'no-hanging-promise'],
  },
  {
    name: 'a revoke whose timer heartbeats do not move',
    origin: 'LEASE-10, drawn up with its failure table',
    edits: [
      {
        file: 'lease/session.js',
        find: 'heartbeat.start(deadline.ttlMs);',
        replace: 'heartbeat.start(deadline.ttlMs); void this.#revoke(3 * deadline.ttlMs, deadline.ttlMs);',
      },
    ],
    workloads: ['lock', 'lease'],
    rules: ['mutual-exclusion', 'held-in-time'],
  },
];
