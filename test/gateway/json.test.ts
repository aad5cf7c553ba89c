import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { messageFromJson } from '../../src/server/gateway/json/from-json.js';
import { JsonSplitter } from '../../src/server/gateway/json/json-splitter.js';
import { maxJsonDepth, parseJson } from '../../src/server/gateway/json/json-value.js';
import { type Field, isEnum, type MessageType } from '../../src/server/gateway/json/message-type.js';
import { messageToJson } from '../../src/server/gateway/json/to-json.js';
import { routes } from '../../src/server/gateway/routes.js';

/** protobufjs with npm etcd3's .proto files judges the tables; those write enum names in a way of their own. */
const protoFile = join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto', 'rpc.proto');
const root = new protobuf.Root().loadSync(protoFile, { keepCase: true });

/** Newer than the .proto files of npm etcd3. */
const newer = new Set(['hashedPassword']);

const types = new Map(
  [...routes.values()].flatMap(({ request, response }) => [request, response]).map((type) => [type.name, type]),
);
const judged = [...types.values()].filter(({ name }) => name.startsWith('etcdserverpb.'));

describe('descriptions of messages', () => {
  it('there is one for every message of the paths', () => {
    expect(routes.size).toBe(51);
    expect(judged.length).toBeGreaterThan(70);
  });

  it.each(judged)('$name has the fields of the .proto file', (type) => {
    compareFields(type, root.lookupType(type.name), new Set());
  });

  it.each(judged)('$name: both ways as protobufjs has them', (type) => {
    const oracle = root.lookupType(type.name);
    fc.assert(
      fc.property(messageOf(oracle, 3), (plain) => {
        // To bytes: ours from JSON in etcd's form are theirs from an object.
        const bytes = messageFromJson(type, Buffer.from(JSON.stringify(withOurEnums(plain, type))));
        const expected = oracle.encode(oracle.fromObject(plain)).finish();
        expect(asObject(oracle, bytes)).toEqual(asObject(oracle, expected));
        // And back: without zeros, as toObject leaves out what is not there.
        const shown = messageToJson(type, expected);
        expect(shown).toEqual(withOurEnums(withoutZeros(asObject(oracle, expected), type), type));
        expect(messageFromJson(type, Buffer.from(JSON.stringify(camel(shown))))).toEqual(
          messageFromJson(type, Buffer.from(JSON.stringify(shown))),
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe('JSON from outside', () => {
  it('agrees with JSON.parse about what is JSON and what it says', () => {
    const texts = fc.oneof(
      fc.json(),
      fc.json().chain((text) => fc.nat(text.length).map((at) => text.slice(0, at) + text.slice(at + 1))),
      fc.string(),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0ftn-+.eE1 \n\u0001') }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const [expected, actual] = [attempt(() => JSON.parse(text)), attempt(() => plainOf(parseJson(text)))];
        expect(actual).toEqual(expected);
      }),
      { numRuns: 3_000 },
    );
  });

  it('bounds depth', () => {
    expect(() => parseJson('['.repeat(maxJsonDepth) + ']'.repeat(maxJsonDepth))).not.toThrow();
    expect(() => parseJson('['.repeat(100_000))).toThrow('nested more than');
  });

  it('whatever comes makes a message or an INVALID_ARGUMENT', () => {
    const names = [...types.values()].flatMap((type) => [...type.byName.keys()]);
    const key = fc.oneof(fc.constantFrom(...names, '__proto__', 'constructor'), fc.string());
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(
          null,
          true,
          0,
          -1,
          1.5,
          1e300,
          '',
          '5',
          '1.0',
          'YQ==',
          'YQ',
          '-',
          'NONE',
          'DESCEND',
          '9'.repeat(40),
        ),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(fc.constantFrom(...types.values()), value, (type, given) => {
        const result = attempt(() => messageFromJson(type, Buffer.from(JSON.stringify(given))));
        if (result.error !== undefined) expect(result.error).toMatchObject({ code: 'INVALID_ARGUMENT' });
        else messageToJson(type, result.value as Uint8Array);
      }),
      { numRuns: 3_000 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...types.values()), fc.uint8Array(), (type, bytes) => {
        const result = attempt(() => messageFromJson(type, Buffer.from(bytes)));
        if (result.error !== undefined) expect(result.error).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }),
    );
  });

  it('base64 may be folded, as many tools write it, and otherwise is all alphabet', () => {
    const type = types.get('etcdserverpb.PutRequest') as MessageType;
    const read = (key: string) => messageToJson(type, messageFromJson(type, Buffer.from(JSON.stringify({ key }))));
    expect(read('YWJj\r\nZGVm\nZw==\n')).toEqual({ key: 'YWJjZGVmZw==' });
    for (const key of ['YW Jj', 'YWJj\t', 'YQ=\n', 'YW+_']) expect(() => read(key)).toThrow('bad base64');
  });

  it.each([
    ['5', 5n],
    ['"5"', 5n],
    ['1.0', 1n],
    ['1e3', 1000n],
    ['"12.50e1"', 125n],
    ['-0', 0n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9007199254740993', 2n ** 53n + 1n],
    ['0e99', 0n],
  ])('%s is an int64', (text, expected) => {
    const type = types.get('etcdserverpb.LeaseRevokeRequest') as MessageType;
    const shown = messageToJson(type, messageFromJson(type, Buffer.from(`{"ID":${text}}`)));
    expect(shown).toEqual(expected === 0n ? {} : { ID: String(expected) });
  });

  it.each(['1.5', '"x"', '""', 'true', '[]', '9223372036854775808', '1e19', '1e99', '"0x5"', '" 5"', '"+5"', '5e-3'])(
    '%s is no int64',
    (text) => {
      const type = types.get('etcdserverpb.LeaseRevokeRequest') as MessageType;
      expect(() => messageFromJson(type, Buffer.from(`{"ID":${text}}`))).toThrow();
    },
  );

  it('a stream is cut into its objects, however it comes in pieces', () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()).map((each) => JSON.stringify(each)));
    fc.assert(
      fc.property(objects, fc.array(fc.nat(50)), (texts, sizes) => {
        const bytes = Buffer.from(texts.join(' \n'));
        const splitter = new JsonSplitter(10_000);
        const found: string[] = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          splitter.push(bytes.subarray(at, at + size), (object) => found.push(object.toString()));
          at += size;
        }
        expect(found).toEqual(texts);
        expect(splitter.isInside).toBe(false);
      }),
    );
  });
});

type Plain = Record<string, unknown>;

function compareFields(type: MessageType, oracle: protobuf.Type, seen: Set<string>): void {
  if (seen.has(type.name)) return;
  seen.add(type.name);
  const fields = [...type.byNumber.values()].filter(({ name }) => !newer.has(name));
  const ours = fields.map((field) => [field.name, field.number, field.cardinality === 'repeated']);
  expect(ours).toEqual(oracle.fieldsArray.map((each) => [each.name, each.id, each.repeated]));
  for (const field of fields) {
    const theirs = (oracle.fields[field.name] as protobuf.Field).resolve();
    expect(field.cardinality === 'oneof').toBe(theirs.partOf !== null);
    if (typeof field.type === 'string') expect(theirs.type).toBe(field.type);
    else if (isEnum(field.type)) {
      const names = Object.keys((theirs.resolvedType as protobuf.Enum).values);
      expect(names.map((name) => name.toUpperCase())).toEqual(field.type.names.map((name) => name.replace('_', '')));
    } else compareFields(field.type, theirs.resolvedType as protobuf.Type, seen);
  }
}

/** Random messages in the form that `fromObject` takes. */
function messageOf(type: protobuf.Type, depth: number): fc.Arbitrary<Plain> {
  const fields = type.fieldsArray.filter(
    (each) => depth > 0 || !(each.resolve().resolvedType instanceof protobuf.Type),
  );
  const shapes = Object.fromEntries(
    fields.map((each) => {
      const value = fieldValue(each.resolve(), depth);
      return [each.name, each.repeated ? fc.array(value, { maxLength: 3 }) : value];
    }),
  );
  const record = fc.record(shapes, { requiredKeys: [] });
  // One member of a oneof at a time.
  const members = type.oneofsArray.flatMap((each) => each.fieldsArray.map(({ name }) => name));
  return fc.tuple(record, fc.nat()).map(([plain, choice]) => {
    const kept = members[choice % Math.max(1, members.length)];
    return Object.fromEntries(Object.entries(plain).filter(([name]) => !members.includes(name) || name === kept));
  });
}

function fieldValue(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type) return messageOf(field.resolvedType, depth - 1);
  if (field.resolvedType instanceof protobuf.Enum) return fc.constantFrom(...Object.keys(field.resolvedType.values));
  switch (field.type) {
    case 'bytes':
      return fc.uint8Array({ maxLength: 9 }).map((each) => Buffer.from(each).toString('base64'));
    case 'bool':
      return fc.boolean();
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
    case 'uint32':
      return fc.nat();
    default:
      return fc.string({ unit: 'grapheme' });
  }
}

function asObject(type: protobuf.Type, bytes: Uint8Array): Plain {
  return type.toObject(type.decode(bytes), { longs: String, enums: String, bytes: String });
}

/** npm etcd3 writes `Descend` and `NotEqual` where etcd has `DESCEND` and `NOT_EQUAL`. */
function withOurEnums(value: unknown, type: MessageType): unknown {
  return mapFields(value, type, (each, field) => {
    if (typeof field.type !== 'object' || !isEnum(field.type)) return each;
    const { names } = field.type;
    return names.find((name) => name.replace('_', '') === String(each).toUpperCase()) ?? each;
  });
}

function withoutZeros(value: unknown, type: MessageType): unknown {
  return mapFields(value, type, (each, field) => {
    const isZero = [0, '0', '', false].includes(each as never) || (Array.isArray(each) && each.length === 0);
    const isFirst = typeof field.type === 'object' && isEnum(field.type) && isFirstName(each, field.type.names);
    return field.cardinality === 'single' && (isZero || isFirst) ? undefined : each;
  });
}

function isFirstName(value: unknown, names: readonly string[]): boolean {
  return String(value).toUpperCase() === names[0]?.replace('_', '');
}

type Change = (value: unknown, field: Field) => unknown;

function mapFields(value: unknown, type: MessageType, change: Change): unknown {
  const entries = Object.entries(value as Plain).map(([name, each]): [string, unknown] => {
    const field = type.byName.get(name);
    if (field === undefined) return [name, each];
    const inner = field.type;
    const one = (item: unknown) =>
      typeof inner === 'object' && !isEnum(inner) ? mapFields(item, inner, change) : change(item, field);
    return [name, Array.isArray(each) ? each.map(one) : one(each)];
  });
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
}

function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel);
  if (typeof value !== 'object' || value === null) return value;
  const name = (text: string) => text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [name(key), camel(each)]));
}

function plainOf(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [key, plainOf(each)]));
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value === 'object' && value !== null && 'text' in value) return Number(value.text);
  return value;
}

function attempt(fn: () => unknown): { readonly value?: unknown; readonly error?: unknown } {
  try {
    return { value: fn() };
  } catch (error) {
    return error instanceof SyntaxError
      ? { error: { code: 'INVALID_ARGUMENT' } }
      : { error: { code: (error as { code?: string }).code } };
  }
}
