import { ConclaveError } from '../../src/core/errors.js';
import { writeBbolt } from '../../src/server/bbolt/write.js';
import { messageFromJson } from '../../src/server/gateway/json/from-json.js';
import { JsonSplitter } from '../../src/server/gateway/json/json-splitter.js';
import { routes } from '../../src/server/gateway/routes.js';
import { timeoutMsOf } from '../../src/server/grpc/grpc-timeout.js';
import { readSnapshot } from '../../src/server/maintenance/snapshot.js';
import type { Prng } from '../../src/sim/prng.js';
import { readEntries } from '../../src/storage/entry-codec.js';
import { decodeFileHeader, fileHeaderBytes } from '../../src/storage/file-header.js';
import { decodeRecordHeader, encodeRecord, RecordKind, recordHeaderBytes } from '../../src/storage/record.js';
import { authAdminMethods, clusterMethods, healthMethods, maintenanceMethods } from '../../src/wire/admin-methods.js';
import { authEntry } from '../../src/wire/codec/auth-entry.js';
import type { Codec } from '../../src/wire/codec/codec.js';
import { Reader } from '../../src/wire/codec/reader.js';
import { electionMethods, lockMethods } from '../../src/wire/concurrency-methods.js';
import { MessageReader } from '../../src/wire/message-reader.js';
import { authMethods, kvMethods, leaseMethods, watchMethods } from '../../src/wire/methods.js';
import { http2Targets } from './http2-targets.js';
import { inPieces } from './in-pieces.js';
import { type Input, jsonLike, mutated, protobufLike } from './inputs.js';
import { serverCallsTarget } from './server-calls-target.js';

/** A decoder of bytes from outside. */
export interface Target {
  readonly name: string;
  readonly input: Input;
  /** Throws what the decoder should not have thrown, or what is wrong with what it read. */
  run(bytes: Buffer): void;
}

/**
 * Refusing is right; anything but a `ConclaveError` would be a bug of ours in the peer's hands. The entries of the log
 * refuse what a later version wrote with an error that recovery wraps with file and offset.
 */
function refusable(decode: () => void): void {
  try {
    decode();
  } catch (error) {
    if (!ConclaveError.is(error) && !/ of kind \d+ is unknown$/.test((error as Error).message)) throw error;
  }
}

/** What was read, written again, must be read as the same. */
function codecTarget(name: string, codec: Codec<unknown>): Target {
  const run = (bytes: Buffer) =>
    refusable(() => {
      const written = Buffer.from(codec.encode(codec.decode(bytes)));
      const again = Buffer.from(codec.encode(codec.decode(written)));
      if (!written.equals(again)) throw new Error('written and read again it is another message');
    });
  return { name, input: mutated(protobufLike), run };
}

const groups = [kvMethods, watchMethods, leaseMethods, lockMethods, electionMethods, authMethods, authAdminMethods];
const methods = [...groups, clusterMethods, maintenanceMethods, healthMethods].flatMap((group) =>
  Object.values(group as Record<string, { path: string; request: Codec<unknown>; response: Codec<unknown> }>),
);

const messages = methods.flatMap(({ path, request, response }) => [
  codecTarget(`${path} request`, request),
  codecTarget(`${path} response`, response),
]);

const gateway = [...routes].map(([path, { rpc, request }]): Target => {
  const codec = methods.find((each) => each.path === rpc)?.request;
  const run = (bytes: Buffer) => refusable(() => void codec?.decode(messageFromJson(request, bytes)));
  return { name: `JSON of ${path}`, input: mutated(jsonLike([...request.byName.keys(), '__proto__'])), run };
});

const frames: Target = {
  name: 'gRPC frames',
  input: mutated((random) => {
    const bodies = Array.from({ length: random.below(4) }, () => protobufLike(random, 1));
    return Buffer.concat(bodies.flatMap((body) => [Buffer.from([0, 0, 0, 0, body.length & 0xff]), body]));
  }),
  run: (bytes) =>
    inPieces(bytes, (pieces) => {
      const reader = new MessageReader(1_000);
      const found: string[] = [];
      for (const piece of pieces) reader.push(piece, (message) => found.push(Buffer.from(message).toString('hex')));
      return found;
    }),
};

const objects: Target = {
  name: 'objects of a JSON stream',
  input: mutated((random) =>
    Buffer.concat(Array.from({ length: random.below(4) }, () => jsonLike(['a', '"', '{'])(random))),
  ),
  run: (bytes) =>
    inPieces(bytes, (pieces) => {
      const splitter = new JsonSplitter(1_000);
      const found: string[] = [];
      for (const piece of pieces) splitter.push(piece, (object) => found.push(object.toString('hex')));
      return found;
    }),
};

const record = (random: Prng) => encodeRecord(9, random.below(99), RecordKind.part, protobufLike(random));

/** etcd's buckets with entries that make hardly any sense. */
const database = (random: Prng) => {
  const entries = () =>
    Array.from({ length: random.below(4) }, () => [protobufLike(random), protobufLike(random)] as const);
  const names = ['auth', 'authRoles', 'authUsers', 'key', 'lease', 'meta'];
  return Buffer.from(writeBbolt(names.map((name) => ({ name, entries: entries() }))));
};

const storage: readonly Target[] = [
  {
    name: 'entries of the log',
    input: mutated(protobufLike),
    run: (bytes) => refusable(() => readEntries(new Reader(bytes), [])),
  },
  codecTarget('entry of users and roles', authEntry as Codec<unknown>),
  {
    name: 'header of a file',
    input: (random) => Buffer.from(random.bytes(fileHeaderBytes)),
    run: (bytes) => void decodeFileHeader(bytes),
  },
  {
    name: 'header of a record',
    input: mutated(record),
    run: (bytes) => {
      if (bytes.length < recordHeaderBytes) return;
      const header = decodeRecordHeader(bytes, 0, 9);
      if (header !== undefined && header.length < 0) throw new Error('a record of less than nothing');
    },
  },
  {
    name: 'snapshot',
    input: mutated(database),
    run: (bytes) => refusable(() => void readSnapshot(bytes, { skipHashCheck: true })),
  },
];

const timeout: Target = {
  name: 'grpc-timeout',
  input: (random) => Buffer.from(`${random.below(10 ** (1 + random.below(9)))}${'HMSmunx '[random.below(8)]}`),
  run: (bytes) =>
    refusable(() => {
      const ms = timeoutMsOf(bytes.toString('latin1'));
      if (!Number.isFinite(ms) || ms < 0) throw new Error(`${ms} ms`);
    }),
};

/** Everything that reads bytes from outside. */
export const targets: readonly Target[] = [
  ...messages,
  ...gateway,
  frames,
  ...http2Targets,
  serverCallsTarget('calls over HTTP/2', (connection) => connection.lost()),
  objects,
  ...storage,
  timeout,
];
