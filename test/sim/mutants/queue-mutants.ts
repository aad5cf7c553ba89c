import type { Mutant } from './mutant.js';

/** What queues have got wrong. */
export const queueMutants: readonly Mutant[] = [
  {
    name: 'delete before ack',
    origin: 'etcd experimental/recipes Queue: the job is gone before its consumer has begun (prior-art.md 4e)',
    edits: [
      {
        file: 'queue/claim-txn.js',
        find: 'get(keys.progressOf(ticket.seq)),',
        replace: 'get(keys.progressOf(ticket.seq)),\n            remove(keys.job(ticket.seq)),',
      },
    ],
    workloads: ['queue'],
    rules: ['queue: nothing lost'],
  },
  {
    name: 'a claim without a lease',
    origin: 'reliability.md section 1, queue: who dies keeps the job for ever',
    edits: [
      {
        file: 'queue/claim-txn.js',
        find: 'put(slot.key, encodeSlot({ job: ticket.seq }), { leaseId: session.leaseId })',
        replace: 'put(slot.key, encodeSlot({ job: ticket.seq }))',
      },
    ],
    workloads: ['queue'],
    rules: ['liveness', 'nothing-left'],
  },
  {
    name: 'an ack without a guard',
    origin: 'reliability.md section 1, queue: the ack of an expired claim takes the job from its next owner',
    edits: [
      {
        file: 'queue/settle.js',
        find: 'modifiedAt(slot.key, fence),\n            modifiedAt(taken, fence),',
        replace: '',
      },
      {
        file: 'queue/settle.js',
        find: 'encodeSlot({ settled: fence.toString() }), { leaseId: session.leaseId })',
        replace: 'encodeSlot({ settled: fence.toString() }))',
      },
    ],
    workloads: ['queue-keys', 'queue-claims'],
    rules: ['queue: no ack by an expired claim', 'queue: done'],
  },
  {
    name: 'a claim past those in front',
    origin: 'every consumer for itself among the first few: the order is lost',
    edits: [
      {
        file: 'queue/claim-txn.js',
        find: '.map((span) => noneSince(span, seen.asOf))',
        replace: '.map((span) => noneSince(span, seen.asOf)).slice(1)',
      },
    ],
    workloads: ['queue'],
    rules: ['queue: the first are claimed', 'queue: in order'],
  },
  {
    name: 'an event tells of all that is there',
    origin: 'drawn up with claims at the ring: what is heard is a hint, and others come in front of it meanwhile',
    edits: [{ file: 'queue/claim-txn.js', find: 'floors.spans(utf8Text(first.key)).map(noneIn)', replace: '[]' }],
    workloads: ['queue', 'queue-claims', 'queue-switch'],
    rules: ['queue: the first are claimed', 'queue: in order', 'queue: paused'],
  },
  {
    name: 'a floor under all priorities',
    origin: 'drawn up with the floors: what was taken of one priority tells nothing of the lower ones',
    edits: [{ file: 'queue/floors.js', find: 'each > priority ||', replace: 'true ||' }],
    workloads: ['queue-claims'],
    rules: ['queue: the first are claimed', 'queue: in order'],
  },
  {
    name: 'a job that comes back where nobody looks',
    origin: 'drawn up with the floors: its old place lies below them',
    edits: [
      {
        file: 'queue/come-back.js',
        find: 'put(keys.backOf(ticket)',
        replace: 'put(keys.readyOf(ticket)',
      },
    ],
    workloads: ['queue'],
    rules: ['queue: the first are claimed'],
  },
  {
    name: 'a late job in front of those that came before it',
    origin: 'drawn up with the floors: who comes back goes in front, and whoever comes late has never been there',
    edits: [{ file: 'queue/come-back.js', find: 'if (attempts > 0 ||', replace: 'if (true ||' }],
    workloads: ['queue'],
    rules: ['queue: the first are claimed', 'queue: in order'],
  },
  {
    name: 'a pause that comes late',
    origin:
      'BullMQ pause, SQS and others: a plain write, which a network may deliver after the resume that followed it',
    edits: [
      {
        file: 'queue/pause.js',
        find: 'compare: [modifiedAt(keys.switch, found?.modRevision ?? 0n)],',
        replace: '',
      },
    ],
    workloads: ['queue-switch'],
    rules: ['queue: paused as said'],
  },
  {
    name: 'an enqueue that does not ask who made the step',
    origin: 'etcd #14890: a lost answer, sent again, adds the job twice',
    edits: [
      {
        file: 'queue/producer.js',
        find: 'if (by === maker)',
        replace: 'if (false)',
      },
    ],
    workloads: ['queue'],
    rules: ['queue: done'],
  },
  {
    name: 'a group that is a label only',
    origin: 'SQS FIFO, message groups: two jobs of one group in work at once',
    edits: [
      {
        file: 'queue/group.js',
        find: 'if (group === undefined)\n        return ready',
        replace: 'if (true)\n        return ready',
      },
    ],
    workloads: ['queue'],
    rules: ['queue: one of a group'],
  },
  {
    name: 'a group that only its settler brings on',
    origin: 'drawn up with the failure table: who settles and dies leaves the group vacant for ever',
    edits: [{ file: 'queue/keeper.js', find: 'await moveVacantGroups(site, signal);', replace: '' }],
    workloads: ['queue'],
    rules: ['liveness', 'nothing-left', 'no-hanging-promise'],
  },
  {
    name: 'progress without a guard',
    origin: 'BullMQ updateProgress: a stalled worker writes over what the job’s next worker has reported',
    edits: [{ file: 'queue/progress.js', find: 'modifiedAt(slot, this.#claim.fence), ', replace: '' }],
    workloads: ['queue'],
    rules: ['queue: progress by the live claim'],
  },
  {
    name: 'a tick without a compare on its schedule',
    origin: 'two keepers at once: one reads the schedule, the other ticks, the first goes on with what it has read',
    edits: [
      {
        file: 'queue/tick.js',
        find: 'compare: [...(moved.compare ?? []), ...(step.compare ?? [])]',
        replace: 'compare: step.compare',
      },
    ],
    workloads: ['schedule'],
    rules: ['schedule: a tick once', 'schedule: what was'],
  },
  {
    name: 'a tick for the moment at which it was noticed',
    origin: 'agenda, node-cron with a lock: ticks are told apart by the clock of whoever runs them',
    edits: [
      {
        file: 'queue/tick.js',
        find: 'lastTick(schedule.spec.rhythm, schedule.nextMs, nowMs)',
        replace: 'Math.floor(nowMs)',
      },
    ],
    workloads: ['schedule'],
    rules: ['schedule: on the rhythm'],
  },
  {
    name: 'runs that overlap',
    origin: 'Quartz without DisallowConcurrentExecution: the next run begins while the last one goes on',
    edits: [
      {
        file: 'queue/tick.js',
        find: '|| overlaps(schedule, look)',
        replace: '',
      },
    ],
    workloads: ['schedule'],
    rules: ['schedule: overlap'],
  },
  {
    name: 'a changed schedule that starts over',
    origin: 'BullMQ upsertJobScheduler: the next tick is computed from the clock of whoever said it last',
    edits: [
      {
        file: 'queue/schedules.js',
        find: 'Math.max(context.runtime.wallMs(), lastMs ?? 0)',
        replace: 'context.runtime.wallMs()',
      },
    ],
    workloads: ['schedule'],
    rules: ['schedule: a tick once'],
  },
  {
    name: 'a purge that trusts what it has read',
    origin: 'BullMQ clean and obliterate, SQS PurgeQueue: what is claimed meanwhile is taken from under its worker',
    edits: [
      { file: 'queue/purge.js', find: '...found.map(({ kv }) => modifiedAt(kv.key, kv.modRevision)),', replace: '' },
    ],
    workloads: ['queue'],
    rules: ['queue: purge'],
  },
  {
    name: 'a purge that does not know its own work again',
    origin: 'etcd #14890: a lost answer, sent again, finds nothing and counts nothing',
    edits: [
      {
        file: 'queue/purge.js',
        find: '!requestsIn(rangeAt(txn, 0).kvs[0]).includes(by)',
        replace: 'true',
      },
    ],
    workloads: ['queue'],
    rules: ['queue: purge counts'],
  },
  {
    name: 'a result that does not wait for its ack',
    origin:
      'Celery’s result backends: the result is written beside the acknowledgement, also by a worker that has lost it',
    edits: [
      {
        file: 'queue/settle.js',
        find: 'failure: [get(slot.key), get(taken)],',
        replace: `failure: [
            get(slot.key),
            get(taken),
            ...(verdict.result
                ? [put(keys.resultOf(ticket.seq), verdict.result.json, { leaseId: verdict.result.leaseId })]
                : []),
        ],`,
      },
    ],
    workloads: ['queue'],
    rules: ['queue: result'],
  },
  {
    name: 'a dead letter that keeps its dedupe key',
    origin: 'BullMQ with a custom job id: a failed job stays, and later ones of its id are not added',
    edits: [{ file: 'queue/settle.js', find: '...freeKey(keys, ticket),', replace: '' }],
    workloads: ['queue-keys'],
    rules: ['queue: told of one that is there', 'queue: groups end'],
  },
  {
    name: 'a redrive that does not ask whose the key is',
    origin: 'SQS redrive, Sidekiq’s retry of dead jobs: the job is there twice',
    edits: [{ file: 'queue/redrive.js', find: 'if (other === undefined || other === seq)', replace: 'if (true)' }],
    workloads: ['queue-keys'],
    rules: ['queue: one of a key'],
  },
  {
    name: 'a key that goes with whoever had it',
    origin: 'drawn up with dead letters that let go of theirs: who takes one away frees another job’s key',
    edits: [
      {
        file: 'queue/dedupe.js',
        find: 'compare: [valueIs(key, markOf({ seq, dedupe }))]',
        replace: 'compare: []',
      },
    ],
    workloads: ['queue-keys'],
    rules: ['queue: one of a key'],
  },
  {
    name: 'a cancel that has seen the job',
    origin: 'drawn up with the failure table: it was done before the request came, and is told to be cancelled',
    edits: [
      {
        file: 'queue/cancel.js',
        find: 'return isDoubtful && wasBy(by, last, before)',
        replace: 'return before !== undefined',
      },
    ],
    workloads: ['queue-keys'],
    rules: ['queue: cancelled for good'],
  },
  {
    name: 'a producer that takes being late for a lost answer',
    origin:
      'its own before the audit of the work recipes: 32 steps of others, and an enqueue failed with nothing wrong',
    edits: [{ file: 'queue/producer.js', find: "by === '' && isDoubtful", replace: "by === ''" }],
    workloads: ['queue'],
    rules: ['calm'],
  },
  {
    name: 'slots of a claim that was refused',
    origin:
      'its own before the audit of the work recipes: etcd refuses what it has carried out, and nobody has the job',
    edits: [
      { file: 'queue/claimer.js', find: 'await this.#slots.discard(open);\n            throw', replace: 'throw' },
    ],
    workloads: ['queue', 'queue-claims'],
    rules: ['liveness'],
  },
  {
    name: 'a slot whose settling was refused',
    origin: 'its own before the audit of the work recipes: the job is held by who has let go of it',
    edits: [{ file: 'queue/crew.js', find: 'void this.#slots.discard([slot])', replace: 'void 0' }],
    workloads: ['queue', 'queue-claims'],
    rules: ['liveness'],
  },
];
