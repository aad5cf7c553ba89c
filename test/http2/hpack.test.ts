import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HpackDecoder } from '../../src/http2/hpack/decoder.js';
import { HpackEncoder, type OutgoingField } from '../../src/http2/hpack/encoder.js';
import { fieldBytes } from '../../src/http2/hpack/field.js';
import { staticTable } from '../../src/http2/hpack/static-table.js';
import { Http2Error } from '../../src/http2/http2-error.js';
import { Flag, FrameType } from '../../src/http2/protocol.js';
import { decodeFrames } from '../transport/frames.js';

type Pair = readonly [name: string, value: string];

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const roomy = 2 ** 20;

function pairs(decoder: HpackDecoder, block: Buffer): Pair[] {
  return decoder.decode(block).fields.map(({ name, value }) => [name, value]);
}

const requests: readonly (readonly Pair[])[] = [
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ],
];

const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const at21 = 'Mon, 21 Oct 2013 20:13:21 GMT';
const at22 = 'Mon, 21 Oct 2013 20:13:22 GMT';
const responses: readonly (readonly Pair[])[] = [
  [
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', at21],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '307'],
    ['cache-control', 'private'],
    ['date', at21],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', at22],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', cookie],
  ],
];

/** RFC 7541, appendix C: blocks of one connection in turn, what they say, and the table's size after each. */
const vectors = {
  'C.3, requests without Huffman code': {
    tableBytes: 4_096,
    lists: requests,
    sizes: [57, 110, 164],
    blocks: [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ],
  },
  'C.4, requests with Huffman code': {
    tableBytes: 4_096,
    lists: requests,
    sizes: [57, 110, 164],
    blocks: [
      '828684418cf1e3c2e5f23a6ba0ab90f4ff',
      '828684be5886a8eb10649cbf',
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    ],
  },
  'C.5, responses without Huffman code, from a table of 256 bytes': {
    tableBytes: 256,
    lists: responses,
    sizes: [222, 222, 215],
    blocks: [
      '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54' +
        '6e1768747470733a2f2f7777772e6578616d706c652e636f6d',
      '4803333037c1c0bf',
      '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f' +
        '3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076' +
        '657273696f6e3d31',
    ],
  },
  'C.6, responses with Huffman code, from a table of 256 bytes': {
    tableBytes: 256,
    lists: responses,
    sizes: [222, 222, 215],
    blocks: [
      '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f' +
        '0b97c8e9ae82ae43d3',
      '4883640effc1c0bf',
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335df' +
        'dfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    ],
  },
} as const;

describe('the decoder, by RFC 7541, appendix C', () => {
  it.each(Object.entries(vectors))('%s', (_, { tableBytes, lists, sizes, blocks }) => {
    const decoder = new HpackDecoder(roomy, tableBytes);
    for (const [i, block] of blocks.entries()) {
      expect(pairs(decoder, hex(block))).toEqual(lists[i]);
      expect(decoder.tableBytes).toBe(sizes[i]);
    }
  });

  it.each([
    ['C.2.1, a literal that enters the table', '400a637573746f6d2d6b65790d637573746f6d2d686561646572', 55],
    ['C.2.2, a literal that does not', '040c2f73616d706c652f70617468', 0],
    ['C.2.3, a literal that nobody may keep', '100870617373776f726406736563726574', 0],
    ['C.2.4, a field of the static table', '82', 0],
  ])('%s', (_, block, size) => {
    const decoder = new HpackDecoder(roomy);
    expect(pairs(decoder, hex(block))).toMatchObject([
      [expect.stringMatching(/^(custom-key|:path|password|:method)$/), expect.any(String)],
    ]);
    expect(decoder.tableBytes).toBe(size);
  });
});

describe('the decoder', () => {
  it('knows 61 fields from the beginning', () => {
    expect(staticTable).toHaveLength(61);
    expect([1, 8, 31, 61].map((n) => staticTable[n - 1])).toMatchObject([
      { name: ':authority', value: '' },
      { name: ':status', value: '200' },
      { name: 'content-type', value: '' },
      { name: 'www-authenticate', value: '' },
    ]);
  });

  it.each([
    ['number 0', '80'],
    ['a number that nothing has', 'be'],
    ['a number out of all bounds', 'ffffffffff7f'],
    ['a number that does not end', 'ff80'],
    ['a block that ends within a name', '400a6375'],
    ['a block that ends before a value', '4001 61'],
    ['a table above what was announced', '3fe21f'],
    ['a change of the table behind a field', '8220'],
    ['Huffman code with the end mark in it', '4084ffffffff0161'],
    ['Huffman code with a whole byte of padding', '408207ff0161'],
    ['Huffman code whose padding has zeros', '40811c0161'],
  ])('refuses %s', (_, block) => {
    expect(() => new HpackDecoder(roomy).decode(hex(block))).toThrow(/^COMPRESSION_ERROR/);
    expect(() => new HpackDecoder(roomy).decode(hex(block))).toThrow(Http2Error);
  });

  it('keeps the table right through a list that is too long, and nothing of that list', () => {
    const decoder = new HpackDecoder(100);
    const [custom] = vectors['C.4, requests with Huffman code'].blocks.slice(2);
    const long = Buffer.concat([hex('40017803616263'), Buffer.alloc(100_000, 0xbe)]);
    const { fields, tooLong } = decoder.decode(long);
    expect([fields.length, tooLong]).toEqual([2, true]);
    expect(pairs(decoder, hex('be'))).toEqual([['x', 'abc']]);
    expect(custom).toBeDefined();
  });

  it('empties its table for a field that is larger than it', () => {
    const decoder = new HpackDecoder(roomy, 64);
    decoder.decode(hex('4001780161'));
    expect(decoder.tableBytes).toBe(34);
    decoder.decode(Buffer.concat([hex('40017840'), Buffer.alloc(64, 0x61)]));
    expect(decoder.tableBytes).toBe(0);
  });

  it('tells names and values that HTTP/2 does not allow', () => {
    const decoder = new HpackDecoder(roomy);
    const valid = (block: string) => decoder.decode(hex(block)).fields.map((each) => each.valid);
    expect(valid('0001780161')).toEqual([true]);
    expect(valid('0001580161')).toEqual([false]);
    expect(valid('000178020d0a')).toEqual([false]);
    expect(valid('00000161')).toEqual([false]);
  });

  it('reads the code of every byte that nghttp2 writes', async () => {
    // Behind so many of the shortest code that Huffman code is the shorter one.
    const value = (byte: number) => `${'e'.repeat(40)}${String.fromCharCode(byte)}e`;
    const codes = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte > 0x20 && byte !== 0x7f);
    const sent = await headersOfNode(Object.fromEntries(codes.map((byte) => [`x-${byte}`, value(byte)])));
    const told = new Map(pairs(new HpackDecoder(roomy), sent));
    expect(codes.filter((byte) => told.get(`x-${byte}`) !== value(byte))).toEqual([]);
    expect(sent.length).toBeLessThan(codes.length * 42);
  });
});

/** The header block that `node:http2` sends for a request. */
async function headersOfNode(headers: Record<string, string>): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.on('error', () => {});
  client.request(headers).on('error', () => {});
  const [socket] = await accepted;
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    const { frames } = decodeFrames(bytes.subarray(24));
    const parts = frames.filter(({ type }) => type === FrameType.headers || type === FrameType.continuation);
    if (((parts.at(-1)?.flags ?? 0) & Flag.endHeaders) !== 0) {
      client.destroy();
      server.close();
      const priority = ((parts[0]?.flags ?? 0) & Flag.priority) === 0 ? 0 : 5;
      return Buffer.concat(parts.map(({ payload }) => payload)).subarray(priority);
    }
  }
  throw new Error('no headers came');
}

describe('the encoder', () => {
  const fields: readonly OutgoingField[] = [
    { name: ':method', value: 'POST' },
    { name: ':path', value: '/etcdserverpb.KV/Put' },
    { name: 'content-type', value: 'application/grpc' },
    { name: 'x-token', value: 'secret', indexing: 'never' },
    { name: 'x-once', value: 'é', indexing: 'plain' },
  ];
  const expected = fields.map(({ name, value }) => [name, value]);

  it('is read by the decoder, and shorter the second time', () => {
    const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder(roomy)];
    const [first, second, third] = [encoder.encode(fields), encoder.encode(fields), encoder.encode(fields)];
    for (const block of [first, second, third]) expect(pairs(decoder, block)).toEqual(expected);
    expect(second.length).toBeLessThan(first.length - 30);
    expect(third).toBe(second);
    expect(decoder.tableBytes).toBe(fields.slice(1, 3).reduce((sum, each) => sum + fieldBytes(each), 0));
  });

  it('marks what nobody may keep', () => {
    expect(new HpackEncoder().encode([{ name: 'token', value: 'x', indexing: 'never' }])[0]).toBe(0x10);
  });

  it('does not fill the table beyond its size', () => {
    const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder(roomy)];
    for (let i = 0; i < 200; i++) {
      const list = [{ name: 'x-number', value: `${i}` }, ...fields];
      expect(pairs(decoder, encoder.encode(list))).toEqual([['x-number', `${i}`], ...expected]);
    }
    expect(decoder.tableBytes).toBeLessThanOrEqual(4_096);
    expect(encoder.encode(fields).length).toBeLessThan(40);
  });

  it.each([0, 100, 4_095])('does with a table of %i bytes, from the next block on', (bytes) => {
    const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder(roomy)];
    expect(pairs(decoder, encoder.encode(fields))).toEqual(expected);
    encoder.resizeTable(bytes);
    for (let i = 0; i < 3; i++) {
      expect(pairs(decoder, encoder.encode(fields))).toEqual(expected);
      expect(decoder.tableBytes).toBeLessThanOrEqual(bytes);
    }
    encoder.resizeTable(1_000_000);
    expect(pairs(decoder, encoder.encode(fields))).toEqual(expected);
  });
});
