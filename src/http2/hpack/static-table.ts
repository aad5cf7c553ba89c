import { type Field, field } from './field.js';

/** Where the dynamic table begins, after the static one. */
export const dynamicStart = 62;

/** RFC 7541, appendix A, from number 1 on. */
export const staticTable: readonly Field[] = (
  [
    [':authority'],
    [':method', 'GET', 'POST'],
    [':path', '/', '/index.html'],
    [':scheme', 'http', 'https'],
    [':status', '200', '204', '206', '304', '400', '404', '500'],
    ['accept-charset'],
    ['accept-encoding', 'gzip, deflate'],
    ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow'].map(alone),
    ...['authorization', 'cache-control', 'content-disposition', 'content-encoding', 'content-language'].map(alone),
    ...['content-length', 'content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag'].map(alone),
    ...['expect', 'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range'].map(alone),
    ...['if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards', 'proxy-authenticate'].map(alone),
    ...['proxy-authorization', 'range', 'referer', 'refresh', 'retry-after', 'server', 'set-cookie'].map(alone),
    ...['strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via', 'www-authenticate'].map(alone),
  ] as [name: string, ...values: string[]][]
).flatMap(([name, ...values]) => (values.length === 0 ? [field(name, '')] : values.map((value) => field(name, value))));

function alone(name: string): [string] {
  return [name];
}

/** Numbers by name, and by name and value. */
export const staticNames: ReadonlyMap<string, number> = new Map(
  [...staticTable].reverse().map(({ name }, i) => [name, staticTable.length - i]),
);

export function staticIndex(name: string, value: string): number | undefined {
  return staticFields.get(`${name}\0${value}`);
}

const staticFields: ReadonlyMap<string, number> = new Map(
  staticTable.map(({ name, value }, i) => [`${name}\0${value}`, i + 1]),
);
