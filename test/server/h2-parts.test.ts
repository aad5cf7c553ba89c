import { describe, expect, it } from 'vitest';
import { type Field, field } from '../../src/http2/hpack/field.js';
import { RateLimit } from '../../src/server/h2/rate-limit.js';
import { areTrailers, RequestHeads, requestHeaders } from '../../src/server/h2/request-head.js';
import { ResponseFields } from '../../src/server/h2/response-fields.js';

const basic = [field(':method', 'POST'), field(':scheme', 'http'), field(':path', '/a/B')];
const head = (...more: readonly (readonly [string, string])[]): Field[] => [
  ...basic,
  ...more.map(([name, value]) => field(name, value)),
];

describe('a rate limit', () => {
  it('lets a burst through and then so many a second', () => {
    const limit = new RateLimit(3, 2);
    const taken = (count: number, nowMs: number) => Array.from({ length: count }, () => limit.take(nowMs));
    expect(taken(4, 0)).toEqual([true, true, true, false]);
    const later = new RateLimit(3, 2);
    for (let i = 0; i < 3; i++) later.take(0);
    expect([later.take(500), later.take(999), later.take(1_000)]).toEqual([true, false, false]);
  });

  it('saves no more than a burst', () => {
    const limit = new RateLimit(2, 1_000);
    limit.take(0);
    expect([1, 2, 3].map(() => limit.take(3_600_000))).toEqual([true, true, false]);
  });
});

describe('heads of requests', () => {
  it('are headers without a prototype; what comes twice is joined', () => {
    const headers = requestHeaders(
      head(['cookie', 'a=1'], ['x', '1'], ['cookie', 'b=2'], ['x', '2'], ['__proto__', 'y']),
    );
    expect(headers).toMatchObject({ ':path': '/a/B', cookie: 'a=1; b=2', x: '1, 2' });
    expect(Object.getPrototypeOf(headers)).toBe(null);
    expect(Object.entries(headers ?? {}).at(-1)).toEqual(['__proto__', 'y']);
  });

  it.each([
    ['no path', [field(':method', 'POST'), field(':scheme', 'http')]],
    ['an empty path', [field(':method', 'POST'), field(':scheme', 'http'), field(':path', '')]],
    ['no scheme', [field(':method', 'POST'), field(':path', '/')]],
    ['a second path', [...head(), field(':path', '/')]],
    ['a response’s', [field(':status', '200'), ...head()]],
    ['a name behind others', [...head(['x', 'y']), field(':authority', 'a')]],
    ['what belongs to HTTP/1', head(['transfer-encoding', 'chunked'])],
    ['te other than trailers', head(['te', 'gzip'])],
    ['a name that is none', head(['a b', 'c'])],
  ])('are refused with %s', (_, fields) => {
    expect(requestHeaders(fields)).toBeUndefined();
    expect(new RequestHeads().read(fields)).toBeUndefined();
  });

  it('that say the same are one object, also where the table does not have them; others are not', () => {
    const heads = new RequestHeads();
    const first = heads.read(head(['x', '1']));
    expect(heads.read(head(['x', '1']))).toBe(first);
    expect(heads.read(head(['x', '2']))).toMatchObject({ x: '2' });
    expect(heads.read(head())).not.toHaveProperty('x');
    expect(heads.read(head(['x', '1']))).toEqual(first);
  });

  it('that are long are not kept', () => {
    const heads = new RequestHeads();
    const long = head(['x', 'y'.repeat(2_048)]);
    expect(heads.read(long)).toEqual(heads.read(long));
    expect(heads.read(long)).not.toBe(heads.read(long));
  });

  it('are kept of few paths', () => {
    const heads = new RequestHeads();
    const of = (path: string) => heads.read([field(':method', 'POST'), field(':scheme', 'http'), field(':path', path)]);
    const first = of('/0');
    for (let i = 1; i <= 32; i++) of(`/${i}`);
    expect(of('/0')).not.toBe(first);
    expect(of('/32')).toBe(of('/32'));
  });

  it('and trailers are told apart', () => {
    expect(areTrailers([field('x', 'y')])).toBe(true);
    expect(areTrailers([field(':path', '/')])).toBe(false);
    expect(areTrailers([field('connection', 'close')])).toBe(false);
  });
});

describe('heads of answers', () => {
  it('of the same object and status are the same list', () => {
    const fields = new ResponseFields();
    const headers = { 'content-type': 'text/plain', 'set-cookie': ['a', 'b'], none: undefined };
    const first = fields.head(200, headers);
    expect(first).toEqual([
      { name: ':status', value: '200' },
      { name: 'content-type', value: 'text/plain', indexing: 'table' },
      { name: 'set-cookie', value: 'a', indexing: 'table' },
      { name: 'set-cookie', value: 'b', indexing: 'table' },
    ]);
    expect(fields.head(200, headers)).toBe(first);
    expect(fields.head(404, headers)[0]?.value).toBe('404');
    const trailers = { 'grpc-status': '5', 'grpc-message': 'never twice' };
    expect(fields.trailers(trailers)).toBe(fields.trailers(trailers));
    expect(fields.trailers(trailers)[1]?.indexing).toBe('plain');
  });
});
