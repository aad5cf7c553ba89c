import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import type { Codec } from '../../src/wire/codec/codec.js';
import { electionMethods, lockMethods } from '../../src/wire/concurrency-methods.js';
import { bytes, header, headerOnly, int64, keyValue } from '../support/arbitrary-messages.js';
import { expectSameMessage, loadOracle } from '../support/protobuf-oracle.js';

const oracle = loadOracle(fileURLToPath(new URL('../support/concurrency.proto', import.meta.url)));

interface Row {
  readonly name: string;
  check(): void;
  readonly codec: Codec<unknown>;
  readonly sample: fc.Arbitrary<Uint8Array>;
}

function row<Message>(name: string, codec: Codec<Message>, messages: fc.Arbitrary<Message>): Row {
  const type = oracle(`concurrency.${name}`);
  const same = (message: Message) =>
    expectSameMessage(codec, type, message, (actual, expected) => expect(actual).toEqual(expected));
  return {
    name,
    check: () => fc.assert(fc.property(messages, same)),
    codec: codec as Codec<unknown>,
    sample: messages.map((message) => codec.encode(message)),
  };
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const leader = fc.record({ name: maybe(bytes), key: maybe(bytes), rev: maybe(int64), lease: maybe(int64) });

const rows = [
  row('LockRequest', lockMethods.lock.request, fc.record({ name: maybe(bytes), lease: maybe(int64) })),
  row('LockResponse', lockMethods.lock.response, fc.record({ header, key: bytes })),
  row('UnlockRequest', lockMethods.unlock.request, fc.record({ key: maybe(bytes) })),
  row('UnlockResponse', lockMethods.unlock.response, headerOnly),
  row(
    'CampaignRequest',
    electionMethods.campaign.request,
    fc.record({ name: maybe(bytes), lease: maybe(int64), value: maybe(bytes) }),
  ),
  row('CampaignResponse', electionMethods.campaign.response, fc.record({ header, leader })),
  row('ProclaimRequest', electionMethods.proclaim.request, fc.record({ leader: maybe(leader), value: maybe(bytes) })),
  row('ProclaimResponse', electionMethods.proclaim.response, headerOnly),
  row('LeaderRequest', electionMethods.leader.request, fc.record({ name: maybe(bytes) })),
  row('LeaderResponse', electionMethods.leader.response, fc.record({ header, kv: maybe(keyValue) })),
  row('ResignRequest', electionMethods.resign.request, fc.record({ leader: maybe(leader) })),
  row('ResignResponse', electionMethods.resign.response, headerOnly),
];

describe('codec of Lock and Election', () => {
  it.each(rows)('$name: the bytes of each mean the same to protobufjs', ({ check }) => check());

  it.each(rows)('$name: cut short it decodes or is refused with INTERNAL', ({ codec, sample }) => {
    const cut = fc.tuple(sample, fc.nat()).map(([all, at]) => all.subarray(0, at % (all.length + 1)));
    fc.assert(
      fc.property(cut, (part) => {
        try {
          codec.decode(part);
        } catch (error) {
          if (!ConclaveError.is(error, 'INTERNAL')) throw error;
        }
      }),
    );
  });
});
