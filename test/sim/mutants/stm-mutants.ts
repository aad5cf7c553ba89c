import type { Mutant } from './mutant.js';

/** What transactions have got wrong. */
export const stmMutants: readonly Mutant[] = [
  {
    name: 'a commit that does not ask whether it was done',
    origin: 'etcd #14890: a lost answer looks like a conflict, and the transaction is run again',
    edits: [
      {
        file: 'stm/committer.js',
        find: 'if (kv.modRevision !== before && utf8Text(kv.value) === mark)',
        replace: 'if (false)',
      },
    ],
    workloads: ['stm'],
    rules: ['stm: once'],
  },
  {
    name: 'a range that only looks at what it saw',
    origin: 'etcd’s concurrency.STM, which has no ranges: a key that appears in between is not noticed (phantoms)',
    edits: [
      {
        file: 'stm/tx.js',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: code to look for
        find: 'this.#compares.set(`${latin1(key)} ${latin1(rangeEnd)}`, { key, rangeEnd, ...newer });',
        replace: '',
      },
    ],
    workloads: ['stm'],
    rules: ['stm: serializable'],
  },
  {
    name: 'a range that does not notice what goes',
    origin: 'a compare of mod revisions over a range holds for what was deleted',
    edits: [
      {
        file: 'stm/tx.js',
        find: 'for (const kv of kvs)\n            this.#saw(latin1(kv.key), kv.key, kv);',
        replace: '',
      },
    ],
    workloads: ['stm'],
    rules: ['stm: serializable'],
  },
  {
    name: 'reads of more than one revision',
    origin: 'concurrency.WithIsolation(RepeatableReads): each read at its own revision',
    edits: [{ file: 'stm/tx.js', find: 'this.#ask({ ...request, revision })', replace: 'this.#ask(request)' }],
    workloads: ['stm'],
    rules: ['stm: serializable'],
  },
  {
    name: 'reads that are not compared',
    origin: 'a batch of writes called a transaction: lost updates',
    edits: [
      {
        file: 'stm/committer.js',
        find: 'modifiedAt(key, revision), ...compare, ...guards',
        replace: 'modifiedAt(key, revision), ...guards',
      },
    ],
    workloads: ['stm'],
    rules: ['stm: serializable'],
  },
];
