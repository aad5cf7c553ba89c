import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import type { Codec } from '../../src/wire/codec/codec.js';

/** protobufjs with the .proto files of npm etcd3, as the judge of our codec. */
const protoFile = join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto', 'rpc.proto');

export interface OracleMessage {
  encode(message: unknown): Uint8Array;
  /** The decoded message with every field, in `plain` form. */
  decode(bytes: Uint8Array): unknown;
  /** What `message`, which is one of ours, is for the oracle. */
  plain(message: unknown): unknown;
}

/** `file`: another .proto than etcd3's. */
export function loadOracle(file: string = protoFile): (typeName: string) => OracleMessage {
  const root = new protobuf.Root().loadSync(file, { keepCase: true });
  return (typeName) => oracleMessage(root.lookupType(typeName));
}

function oracleMessage(type: protobuf.Type): OracleMessage {
  const decode = (bytes: Uint8Array) =>
    type.toObject(type.decode(bytes), { longs: String, enums: Number, bytes: Array, defaults: true, arrays: true });
  const encode = (message: unknown) => type.encode(type.fromObject(snakeCase(message) as object)).finish();
  return { decode, encode, plain: (message) => decode(encode(message)) };
}

/** Both directions of one message: bytes of either side mean the same to the other. */
export function expectSameMessage<Message>(
  codec: Codec<Message>,
  oracle: OracleMessage,
  message: Message,
  expectEqual: (actual: unknown, expected: unknown) => void,
): void {
  const plain = oracle.plain(message);
  expectEqual(oracle.decode(codec.encode(message)), plain);
  expectEqual(oracle.plain(codec.decode(oracle.encode(message))), plain);
}

const names: Readonly<Record<string, string>> = { id: 'ID', ttl: 'TTL', grantedTtl: 'grantedTTL' };

/** Our message as protobufjs takes it: names as in the .proto file, int64 as decimal text, oneofs as a field. */
function snakeCase(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(snakeCase);
  if ('type' in value && typeof value.type === 'string') return member(value as { type: string });
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(
    entries.flatMap(([name, each]) => fieldNames(name).map((field) => [field, snakeCase(each)] as const)),
  );
}

function member(union: { type: string; request?: unknown; response?: unknown; watchId?: bigint }): unknown {
  const { type, request, response, watchId } = union;
  switch (type) {
    case 'none':
      return {};
    case 'create':
      return { create_request: snakeCase(request) };
    case 'cancel':
      return { cancel_request: { watch_id: String(watchId) } };
    case 'progress':
      return { progress_request: {} };
    default:
      return request === undefined
        ? { [`response_${fieldName(type)}`]: snakeCase(response) }
        : { [`request_${fieldName(type)}`]: snakeCase(request) };
  }
}

/** Some .proto fields are in camelCase; the oracle ignores names that it does not know. */
function fieldNames(name: string): string[] {
  return [fieldName(name), name, name.replace(/Id$/, 'ID').replace(/Urls$/, 'URLs')];
}

function fieldName(name: string): string {
  return names[name] ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
