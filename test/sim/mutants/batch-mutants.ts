import type { Mutant } from './mutant.js';

/** What a batch of several calls can get wrong: performance.md section 2, "Correctness rules". */
export const batchMutants: readonly Mutant[] = [
  {
    name: 'two places of one line in one batch',
    origin: 'performance.md section 2: one revision for all members, so that both are first',
    edits: [
      {
        file: 'store/batch/footprint.js',
        find: `                case 'range':
                    this.reads.push(this.#span(each.request.key, each.request.rangeEnd));`,
        replace: `                case 'range':
                    this.reads.push(this.#span(each.request.key, undefined));`,
      },
      {
        file: 'store/batch/footprint.js',
        find: '!lines.some((each) => this.#lines.has(each))',
        replace: 'true',
      },
    ],
    workloads: ['shared-locks', 'web-locks'],
    rules: ['in-turn', 'rwlock', 'semaphore', 'fence-growth'],
  },
  {
    name: 'a batch whose members touch the same',
    origin: 'performance.md section 2: all compares of a txn see the state before it',
    edits: [
      {
        file: 'store/batch/footprint.js',
        find: '!reads.some((each) => this.#written.overlaps(each))',
        replace: 'true',
      },
      {
        file: 'store/batch/footprint.js',
        find: 'this.#written.overlaps(each) || this.#read.overlaps(each)',
        replace: 'this.#written.overlaps(each)',
      },
    ],
    workloads: ['kv'],
    rules: ['kv-linearizable'],
  },
  {
    name: 'a batch of unknown fate told as a refusal',
    origin: 'DESIGN.md section 3, rule 4, for every member of a batch',
    edits: [
      {
        file: 'store/batch/batch-lane.js',
        find: 'member.reject(error);',
        replace: "member.reject(new ConclaveError('UNAVAILABLE', 'refused'));",
      },
    ],
    workloads: ['kv'],
    rules: ['kv-linearizable'],
  },
  {
    name: 'a batch of unknown fate told as done',
    origin: 'DESIGN.md section 3, rule 4, for every member of a batch',
    edits: [
      {
        file: 'store/batch/batch-lane.js',
        find: `                for (const member of members)
                    member.reject(error);`,
        replace: `                batch.answered({
                    header: { clusterId: 0n, memberId: 0n, revision: 1n << 40n, raftTerm: 0n },
                    responses: batch.request().success.map(function done({ type, request }) {
                        const responses = (request.success ?? []).map(done);
                        return { type, response: { succeeded: true, responses, kvs: [], count: 0n, deleted: 1n } };
                    }),
                });`,
      },
    ],
    workloads: ['kv'],
    rules: ['kv-linearizable'],
  },
  {
    name: 'a batch of unknown fate sent again',
    origin: 'etcd #14890, for every member of a batch',
    edits: [
      { file: 'store/batch/batch-lane.js', find: "|| error.outcome !== 'not-applied' || error.retryable", replace: '' },
    ],
    workloads: ['kv'],
    rules: ['kv-linearizable'],
  },
  {
    name: 'one member refused, all refused',
    origin: 'issue 9: what one caller asks is no concern of the others',
    edits: [{ file: 'store/batch/batch-lane.js', find: 'if (!isAboutOne(error, batch))', replace: 'if (true)' }],
    workloads: ['kv'],
    rules: ['unexpected error'],
  },
  {
    name: 'no room taken for not done',
    origin: 'quotaApplierV3 of etcd applies what it says that of: 3.4.23, tried',
    edits: [{ file: 'store/etcd-errors.js', find: ' || text === etcdErrors.noSpace.text', replace: '' }],
    workloads: ['kv', 'lock'],
    rules: ['kv-linearizable', 'guarded-writes'],
  },
];
