import type { Mutant } from './mutant.js';

/** What barriers have got wrong. */
export const barrierMutants: readonly Mutant[] = [
  {
    name: 'a double barrier that opens when its watch ends',
    origin: 'etcd experimental/recipes DoubleBarrier.Enter: success when the watch channel closes (protocol.md 5.5)',
    edits: [
      {
        file: 'barrier/meet.js',
        find: 'async () => judged(await asked({ success: [read] })));',
        replace: "async () => ({ passed: { party, place: 0, round: '0' } }));",
      },
    ],
    workloads: ['barrier'],
    rules: ['barrier: all there'],
  },
  {
    name: 'parties of the last round counted again',
    origin: 'a cyclic barrier that counts who is there, and not who waits: somebody has not gone yet',
    edits: [
      {
        file: 'barrier/meeting.js',
        find: ".filter(({ standing }) => standing.type === 'waiting')",
        replace: ".filter(({ standing }) => standing.type !== 'idle')",
      },
      {
        file: 'barrier/meeting.js',
        find: "if (first?.type !== 'waiting')",
        replace: 'if (first === undefined)',
      },
      {
        file: 'barrier/meeting.js',
        find: "standing.type === 'waiting' && standing.parties === parties",
        replace: 'standing.parties === parties',
      },
    ],
    workloads: ['barrier'],
    rules: ['barrier: all there'],
  },
  {
    name: 'a party without a lease',
    origin: 'Curator’s double barrier on persistent nodes: who dies inside keeps the others for ever',
    edits: [
      {
        file: 'lease/own-key.js',
        find: 'success: [put(key, value, { leaseId })],',
        replace: 'success: [put(key, value)],',
      },
      { file: 'barrier/meet.js', find: ', { leaseId: party.session.leaseId })', replace: ')' },
    ],
    workloads: ['barrier'],
    rules: ['nothing-left', 'liveness', 'no-hanging-promise'],
  },
  {
    name: 'whoever leaves does not look back',
    origin: 'a leave that deletes its key and goes',
    edits: [
      {
        file: 'barrier/meet.js',
        find: "standing.type === 'met' && standing.round",
        replace: 'false && standing.round',
      },
    ],
    workloads: ['barrier'],
    rules: ['barrier: all done'],
  },
  {
    name: 'a count that is sent again counts again',
    origin: 'etcd #14890: a lost answer, sent again, is applied twice',
    edits: [
      {
        file: 'barrier/count-down-latch.js',
        find: 'const down = concatBytes(this.#downs, utf8(randomHex(runtime)));',
        replace: `let sends = 0;
        const down = () => concatBytes(this.#downs, key.subarray(this.#parties.length), utf8(String(sends++)));`,
      },
      {
        file: 'barrier/count-down-latch.js',
        find: 'this.#countTxn(key, revision, down))',
        replace: 'this.#countTxn(key, revision, down()))',
      },
      {
        file: 'barrier/count-down-latch.js',
        find: 'success: [remove(down)]',
        replace: 'success: [remove(down())]',
      },
      {
        file: 'barrier/count-down-latch.js',
        find: 'const own = modifiedAt(key, revision);',
        replace: 'const own = modifiedAt(this.#parties, 0n);',
      },
    ],
    workloads: ['barrier'],
    rules: ['barrier: counted down'],
  },
  {
    name: 'a barrier that opens when whoever closed it is lost',
    origin: 'a barrier that is one ephemeral node: it says “lifted” when its owner crashed',
    edits: [
      {
        file: 'barrier/barrier.js',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: code to look for
        find: "throw new ConclaveError('LOST', `whoever closed barrier ${this.name} is lost`);",
        replace: 'return { passed: undefined };',
      },
    ],
    workloads: ['barrier'],
    rules: ['barrier: closed'],
  },
];
