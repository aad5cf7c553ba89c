import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { reach } from '../../src/connect/reach.js';
import { type Conclave, ConclaveError, type ConnectOptions, connect, type ErrorCode, put } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import type { Store } from '../../src/store/store.js';
import { makeCertificates } from '../support/certificates.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function failure(promise: Promise<unknown>): Promise<ConclaveError> {
  const error = await promise.then(
    () => expect.fail('it should have failed'),
    (reason: unknown) => reason,
  );
  expect(ConclaveError.is(error), String(error)).toBe(true);
  return error as ConclaveError;
}

async function freePort(): Promise<number> {
  const server = await listening(createServer());
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listening(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function ownServer() {
  const server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
  cleanups.push(() => server.close());
  return server;
}

async function openAndClose(conclave: Conclave): Promise<void> {
  const session = await conclave.newSession();
  await session.close();
}

describe('connect()', () => {
  it('gives every memory: a store of its own', async () => {
    await using a = await connect('memory:');
    await using b = await connect('memory:');
    await a.put('k', 'v');
    expect(await b.get('k')).toBeNull();
  });

  it('shares memory:name within the process, as long as somebody is connected', async () => {
    const a = await connect('memory:shared');
    const b = await connect('memory:shared');
    await a.put('k', 'v');
    await a.close();
    expect((await b.get('k'))?.value.toString()).toBe('v');
    await b.close();
    await using c = await connect('memory:shared');
    expect(await c.get('k')).toBeNull();
  });

  it('excludes other connections of a shared store, and lets go when one closes', async () => {
    await using a = await connect('memory:exclusion');
    const b = await connect('memory:exclusion');
    const held = await b.lock('x');
    expect(await a.tryLock('x')).toBeNull();
    const next = a.lock('x');
    await b.close();
    expect(held.held).toBe(false);
    expect((await next).fence).toBeGreaterThan(held.fence);
  });

  // The last is far more calls than there is time for, if the timer can fire.
  it.each<[string, ConnectOptions, (conclave: Conclave) => Promise<unknown>, number]>([
    ['memory:', {}, (conclave) => conclave.get('x'), 300_000],
    ['file:', {}, (conclave) => conclave.get('x'), 300_000],
    ['file:', { fsync: false }, (conclave) => conclave.put('x', 'y'), 10_000],
    ['memory:', {}, openAndClose, 10_000],
    ['file:', { fsync: false }, openAndClose, 10_000],
  ])('%s with %j: who calls again at each answer leaves timers their turn', async (target, options, call, most) => {
    const dir = target === 'file:' ? await mkdtemp(join(tmpdir(), 'conclave-turns-')) : '';
    const conclave = await connect(`${target}${dir}`, options);
    // A file has room for all calls then: to make more is another thread's work, and would be a turn for timers.
    for (const key of ['a', 'b']) await conclave.put(key, 'v'.repeat(1_000_000));
    let fired = false;
    new NodeRuntime().setTimer(1, () => {
      fired = true;
    });
    let calls = 0;
    for (; !fired && calls < most; calls++) await call(conclave);
    expect(fired).toBe(true);
    expect(calls).toBeLessThan(most);
    await conclave.close();
    if (dir !== '') await rm(dir, { recursive: true });
  });

  it('reaches a server, by any of several endpoints', async () => {
    const server = await ownServer();
    const dead = await freePort();
    await using conclave = await connect(`http://127.0.0.1:${dead},127.0.0.1:${server.port}`);
    await conclave.put('k', 'v');
    expect((await conclave.get('k'))?.value.toString()).toBe('v');
  });

  it.each(['http2', 'grpc-js'] as const)('goes over %s where it is told to', async (transport) => {
    const server = await ownServer();
    await using conclave = await connect(server.url, { transport });
    await conclave.withLock('x', async (held) => expect(held.held).toBe(true));
    const wrong = failure(connect(server.url, { transport: 'http3' as 'http2' }));
    expect(await wrong).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('"http3"') });
  });

  it('borrows the connection of an npm etcd3 client and leaves it open', async () => {
    const server = await ownServer();
    const client = new Etcd3({ hosts: server.url });
    cleanups.push(() => client.close());
    const conclave = await connect(client);
    await conclave.withLock('x', async (held) => {
      expect((await conclave.txn().if(held.guard()).then(put('k', 'v')).commit()).succeeded).toBe(true);
    });
    await conclave.close();
    expect(await client.get('k').string()).toBe('v');
  });

  it('goes where the environment says', async () => {
    const server = await ownServer();
    const dead = await freePort();
    cleanups.push(() => vi.unstubAllEnvs());
    vi.stubEnv('ETCDCTL_ENDPOINTS', server.url);
    await (await connect()).close();
    vi.stubEnv('CONCLAVE_URL', `http://127.0.0.1:${dead}`);
    expect((await failure(connect())).message).toContain(`127.0.0.1:${dead}`);
  });

  it('puts the namespace before recipes, not before plain keys or absolute names', async () => {
    await using conclave = await connect('memory:', { namespace: 'shop/' });
    await using relative = await conclave.lock('x');
    await using absolute = await conclave.lock('/x');
    expect(relative.key).toMatch(/^shop\/locks\/x\//);
    expect(absolute.key).toMatch(/^\/x\//);
    await conclave.put('k', 'v');
    expect((await conclave.range({ key: 'k' })).count).toBe(1n);
  });
});

describe('connect() refuses', () => {
  it.each<[string, ConnectOptions, ErrorCode]>([
    ['nonsense://', {}, 'INVALID_URL'],
    ['file:', {}, 'INVALID_URL'],
    ['file:/dev/null', {}, 'UNAVAILABLE'],
    ['memory:', { ttlMs: 0 }, 'INVALID_TTL'],
    ['memory:', { ttlMs: -1 }, 'INVALID_TTL'],
    ['memory:', { ttlMs: Number.NaN }, 'INVALID_TTL'],
    ['memory:', { ttlMs: 9_000_000_000_001_000 }, 'INVALID_TTL'],
    ['http://127.0.0.1:1', { username: 'root' }, 'INVALID_ARGUMENT'],
    ['https://127.0.0.1:1', { tls: { cert: 'x' } }, 'INVALID_ARGUMENT'],
    ['http://127.0.0.1:1', { tls: { ca: 'x' } }, 'INVALID_ARGUMENT'],
    ['memory:', { requestTimeoutMs: 0 }, 'INVALID_ARGUMENT'],
    ['memory:', { connectTimeoutMs: Number.NaN }, 'INVALID_ARGUMENT'],
    // Options, and nothing before them.
    [{ ttlMs: 5_000 } as never, {}, 'INVALID_ARGUMENT'],
    [2379 as never, {}, 'INVALID_ARGUMENT'],
  ])('%s with %j: %s', async (target, options, code) => {
    expect((await failure(connect(target, options))).code).toBe(code);
  });

  it('an address where nobody listens, naming it and how to start a server', async () => {
    const port = await freePort();
    const error = await failure(connect(`http://127.0.0.1:${port}`));
    expect(error.code).toBe('UNAVAILABLE');
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(error.message).toContain('conclave serve');
    expect(error.retryable).toBe(true);
  });

  it('an address where something else listens', async () => {
    const sockets = new Set<{ destroy(): void }>();
    const mute = await listening(createServer((socket) => sockets.add(socket)));
    cleanups.push(() => new Promise((resolve) => mute.close(resolve)));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    const { port } = mute.address() as { port: number };
    const error = await failure(connect(`http://127.0.0.1:${port}`, { connectTimeoutMs: 300 }));
    expect(['UNAVAILABLE', 'TIMEOUT']).toContain(error.code);
    expect(error.message).toContain(`127.0.0.1:${port}`);
  });

  it('an address that speaks TLS, or does not, with a hint at the other scheme', async () => {
    // One try must have been answered by then, on a machine that is busy too.
    const connectTimeoutMs = 1_500;
    const plain = await ownServer();
    const secure = plain.url.replace('http:', 'https:');
    expect((await failure(connect(secure, { connectTimeoutMs }))).message).toMatch(/: http:\/\/ instead of https/);
    using certificates = makeCertificates();
    const tls = { cert: certificates.text('server.crt'), key: certificates.text('server.key') };
    const listen = { host: '127.0.0.1', port: 0 };
    const behindTls = await startServer({ runtime: new NodeRuntime(), listen, tls });
    cleanups.push(() => behindTls.close());
    const bare = behindTls.url.replace('https:', 'http:');
    expect((await failure(connect(bare, { connectTimeoutMs }))).message).toMatch(/if it speaks TLS: https:/);
  });

  it('with what it was told, though the last try ran out of time', async () => {
    const answers = [new ConclaveError('UNAVAILABLE', 'unable to verify the first certificate')];
    const range = () => Promise.reject(answers.shift() ?? new ConclaveError('TIMEOUT', 'Range: no answer within 1 ms'));
    const reaching = reach({ range } as unknown as Store, 'https://a', { connectTimeoutMs: 300 });
    expect((await failure(reaching)).message).toBe('cannot reach https://a: unable to verify the first certificate');
  });

  it('with the reason of an aborted signal', async () => {
    const reason = new Error('changed my mind');
    await expect(connect('memory:', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const aborting = new AbortController();
    const connecting = connect(`http://127.0.0.1:${await freePort()}`, { signal: aborting.signal });
    aborting.abort(reason);
    await expect(connecting).rejects.toBe(reason);
  });
});

describe('a closed connection', () => {
  it('answers every call with CLOSED', async () => {
    const conclave = await connect('memory:');
    const election = conclave.election('e');
    await conclave.close();
    await conclave.close();
    const calls = [
      () => conclave.lock('x'),
      () => conclave.tryLock('x'),
      () => conclave.withLock('x', () => {}),
      () => conclave.inspectLock('x'),
      () => conclave.get('k'),
      () => conclave.put('k', 'v'),
      () => conclave.delete('k'),
      () => conclave.range({ prefix: '' }),
      () => conclave.txn().commit(),
      () => conclave.watch({ key: 'k' }).next(),
      () => election.campaign('v'),
      () => election.run('v', () => {}),
      () => election.leader(),
      () => election.candidates(),
      () => election.observe().next(),
    ];
    for (const call of calls) expect((await failure(call())).code, String(call)).toBe('CLOSED');
    expect(() => conclave.session).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('has told its holders, and rejects its waiters', async () => {
    const conclave = await connect('memory:');
    const held = await conclave.lock('x');
    const waiting = conclave.lock('x');
    const observing = conclave.election('e').observe();
    expect((await observing.next()).value).toBeNull();
    const change = observing.next();
    await Promise.all([conclave.close(), failure(waiting), failure(change)]);
    expect(held.held).toBe(false);
    expect(held.signal.aborted).toBe(true);
    expect((await failure(held.release().then(() => Promise.reject(held.signal.reason)))).loss).toBe('closed');
  });
});

describe('bad input', () => {
  it.each<[string, ErrorCode, (c: Awaited<ReturnType<typeof connect>>) => Promise<unknown>]>([
    ['an empty lock name', 'INVALID_NAME', (c) => c.lock('')],
    ['an empty name for tryLock', 'INVALID_NAME', (c) => c.tryLock('')],
    ['an empty name for withLock', 'INVALID_NAME', (c) => c.withLock('', () => {})],
    ['an empty name for inspectLock', 'INVALID_NAME', (c) => c.inspectLock('')],
    ['an empty election name', 'INVALID_NAME', async (c) => c.election('')],
    ['a negative timeout', 'INVALID_ARGUMENT', (c) => c.lock('x', { timeoutMs: -1 })],
    ['a timeout that is no number', 'INVALID_ARGUMENT', (c) => c.lock('x', { timeoutMs: Number.NaN })],
    ['an empty key', 'INVALID_ARGUMENT', (c) => c.put('', 'v')],
    ['a txn that is awaited', 'INVALID_ARGUMENT', async (c) => await (c.txn() as unknown as Promise<unknown>)],
  ])('%s: %s, and nothing is left', async (_title, code, call) => {
    await using conclave = await connect('memory:');
    expect((await failure(call(conclave))).code).toBe(code);
    expect((await conclave.range({ prefix: '' })).count).toBe(0n);
  });

  it('lazy comes back before the store answers: a service starts from the snapshot of its configuration', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'conclave-lazy-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const snapshotFile = join(folder, 'snapshot.json');
    const server = await ownServer();
    const first = await connect(server.url);
    await first.config.set('shop/rateLimit', 5);
    await (await first.config.watch({ prefix: 'shop', snapshotFile })).close();
    await first.close();
    await using away = await connect(`http://127.0.0.1:${await freePort()}`, { lazy: true });
    const config = await away.config.watch({ prefix: 'shop', snapshotFile, startWaitMs: 10 });
    expect(config).toMatchObject({ value: { rateLimit: 5 }, status: 'stale' });
    await config.close();
  });

  it('takes names with any characters', async () => {
    await using conclave = await connect('memory:');
    for (const name of ['a b', 'ä/ö', '\0', '//', '/', 'a/', '../x', '%2F', '🔒']) {
      const held = await conclave.lock(name);
      expect(await conclave.tryLock(name), JSON.stringify(name)).toBeNull();
      await held.release();
    }
    expect((await conclave.range({ prefix: '' })).count).toBe(0n);
  });
});
