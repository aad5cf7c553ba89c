import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FenceGate } from '../../src/fence/fence-gate.js';
import { fenceHeader, fenceMiddleware, formatFence, parseFence } from '../../src/fence/fence-header.js';
import { type ConditionalObjects, changeFenced, type StoredObject } from '../../src/fence/fenced-object.js';
import { type FencedUpdate, fencedUpdate } from '../../src/fence/fenced-sql.js';
import { errorOf } from '../support/sim-world.js';

const update: FencedUpdate = {
  dialect: 'postgresql',
  table: 'accounts',
  set: { balance: 7 },
  where: { id: 1, tenant: 'a' },
  fence: 12n,
};

describe('fencedUpdate', () => {
  it('FENCE-4: is one statement with parameters, in either dialect', () => {
    expect(fencedUpdate(update)).toEqual({
      text:
        'UPDATE "accounts" SET "balance" = $1, "fence" = $2 ' + 'WHERE "id" = $3 AND "tenant" = $4 AND "fence" <= $5',
      values: [7, 12n, 1, 'a', 12n],
    });
    const read: FencedUpdate = { ...update, dialect: 'sqlite', set: {}, fenceColumn: 'seen', returning: ['balance'] };
    expect(fencedUpdate(read)).toEqual({
      text: 'UPDATE "accounts" SET "seen" = ? WHERE "id" = ? AND "tenant" = ? AND "seen" <= ? RETURNING "balance"',
      values: [12n, 1, 'a', 12n],
    });
  });

  it('FENCE-4: sets to null what it compares', () => {
    const { text, values } = fencedUpdate({ ...update, set: { owner: null }, where: { id: 7, owner: 'me' } });
    expect(text).toContain('SET "owner" = $1, "fence" = $2 WHERE "id" = $3 AND "owner" = $4');
    expect(values).toEqual([null, 12n, 7, 'me', 12n]);
  });

  it('FENCE-4: quotes names', () => {
    const { text } = fencedUpdate({ ...update, table: 'a"; drop table b; --', where: { 'x"y': 1 } });
    expect(text).toContain('"a""; drop table b; --"');
    expect(text).toContain('"x""y" = $3');
  });

  it.each([
    ['no fence', { fence: undefined }],
    ['a number for a fence', { fence: 5 }],
    ['no row', { where: {} }],
    ['no word of a row', { where: undefined }],
    ['an undefined row', { where: { id: undefined } }],
    ['a null row, which equals nothing', { where: { id: null } }],
    ['the fence set by hand', { set: { fence: 5n } }],
    ['an unknown dialect', { dialect: 'mysql' }],
    ['an empty name', { table: '' }],
    ['a value that is none', { set: { balance: undefined } }],
  ])('FENCE-7, FENCE-4: %s is refused', (_, bad) => {
    const call = fencedUpdate as (update: unknown) => unknown;
    expect(() => call({ ...update, ...bad })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('the header', () => {
  it('FENCE-5: carries a fence there and back', () => {
    for (const fence of [1n, 42n, 2n ** 63n - 1n]) expect(parseFence(formatFence(fence))).toBe(fence);
  });

  it.each(['', '0', '-1', '+1', '01', '1.0', '1e3', '0x1', ' 1', '1, 2', '9223372036854775808', '٣'])(
    'FENCE-5: %j is no fence',
    (text) => {
      expect(() => parseFence(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );

  it('FENCE-5: over HTTP: 428 without, 400 malformed, 412 out of date, reads as well as writes', async () => {
    const gate = new FenceGate();
    const check = fenceMiddleware(
      gate,
      ({ url }: { url?: string | undefined; headers: NodeJS.Dict<string | string[]> }) => url ?? '',
    );
    const server = createServer((request, response) => void check(request, response, () => response.end('in')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = async (method: string, path: string, fence?: string) => {
      const headers = fence === undefined ? {} : { [fenceHeader]: fence };
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
      return [answer.status, (await answer.text()).trim()];
    };
    expect(await ask('PUT', '/x', '7')).toEqual([200, 'in']);
    expect(await ask('GET', '/x', '7')).toEqual([200, 'in']);
    expect(await ask('GET', '/x', '9')).toEqual([200, 'in']);
    expect((await ask('PUT', '/x', '8'))[0]).toBe(412);
    expect((await ask('GET', '/x', '8'))[0]).toBe(412);
    expect(await ask('PUT', '/y', '8')).toEqual([200, 'in']);
    expect((await ask('PUT', '/x'))[0]).toBe(428);
    expect((await ask('PUT', '/x', 'nine'))[0]).toBe(400);
    server.close();
    server.closeAllConnections();
  });
});

/** One object, with ETags and conditions as S3 has them; `meanwhile` runs between a read and a write. */
class Objects implements ConditionalObjects<string> {
  stored: StoredObject<string> | undefined;
  writes = 0;
  meanwhile: () => Promise<void> | void = () => {};

  async get(): Promise<StoredObject<string> | undefined> {
    return this.stored;
  }

  async put(
    _: string,
    body: string,
    condition: { ifMatch?: string; ifNoneMatch?: '*' },
    metadata: Readonly<Record<string, string>>,
  ): Promise<'written' | 'precondition failed'> {
    await this.meanwhile();
    if (this.stored?.etag !== condition.ifMatch) return 'precondition failed';
    this.writes += 1;
    this.stored = { body, etag: `e${this.writes}`, metadata };
    return 'written';
  }
}

describe('changeFenced', () => {
  it('FENCE-6: loses no update when others write in between, and turns an old holder away', async () => {
    const objects = new Objects();
    const append = (fence: bigint, what: string) => changeFenced(objects, 'x', fence, (body) => `${body ?? ''}${what}`);
    expect(await append(5n, 'a')).toBe('a');
    objects.meanwhile = async () => {
      objects.meanwhile = () => {};
      await append(5n, 'b');
    };
    expect(await append(5n, 'c')).toBe('abc');
    // A later holder comes between the read and the write of an old one.
    objects.meanwhile = async () => {
      objects.meanwhile = () => {};
      expect(await changeFenced(objects, 'x', 6n, (body) => body ?? '')).toBe('abc');
    };
    expect(await errorOf(append(5n, 'd'))).toMatchObject({ code: 'STALE_FENCE' });
    expect(objects.stored).toMatchObject({ body: 'abc', metadata: { 'conclave-fence': '6' } });
    expect(await append(6n, 'e')).toBe('abce');
  });

  it('FENCE-6: gives up when others write each time, and tells what went wrong in the store', async () => {
    const objects = new Objects();
    let n = 0;
    objects.meanwhile = () => {
      n += 1;
      objects.stored = { body: `${n}`, etag: `other${n}`, metadata: {} };
    };
    expect(await errorOf(changeFenced(objects, 'x', 5n, () => 'mine'))).toMatchObject({ code: 'UNAVAILABLE' });
    expect(n).toBe(20);
    objects.meanwhile = () => Promise.reject(new Error('503'));
    expect(await errorOf(changeFenced(objects, 'x', 5n, () => 'mine'))).toMatchObject({ message: '503' });
    const none = changeFenced as (...args: unknown[]) => Promise<unknown>;
    expect(await errorOf(none(objects, 'x', 5, () => 'mine'))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
