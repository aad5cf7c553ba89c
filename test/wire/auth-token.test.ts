import { describe, expect, it } from 'vitest';
import { type Deferred, deferred } from '../../src/core/deferred.js';
import { ConclaveError } from '../../src/core/errors.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { AuthToken } from '../../src/wire/auth-token.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import { authMethods, kvMethods } from '../../src/wire/methods.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { putTxn } from '../support/remote-stores.js';
import { header, ScriptedService } from '../support/scripted-service.js';

/** A token, and the answers to its questions in the order in which they come. */
async function twoFetches() {
  const runtime = new SimRuntime();
  const answers: Deferred<string>[] = [];
  const service = new ScriptedService().on(authMethods.authenticate, async () => {
    const answer = deferred<string>();
    answers.push(answer);
    return { header: header(1n), token: await answer.promise };
  });
  const channel = new LoopbackChannel(service);
  const auth = new AuthToken({ username: 'alice', password: 'pw' }, runtime, 5_000);
  const first = auth.metadata(channel).catch(() => {});
  await runtime.settle();
  auth.forget();
  const second = auth.metadata(channel);
  await runtime.settle();
  const [early, late] = answers as [Deferred<string>, Deferred<string>];
  return { runtime, auth, early, late, first, second };
}

describe('a token that was forgotten while it was fetched', () => {
  it('goes with no call, though it comes', async () => {
    const { runtime, auth, early, late, first, second } = await twoFetches();
    early.resolve('t1');
    await runtime.settle();
    expect([await first, auth.known]).toEqual([{ token: 't1' }, undefined]);
    late.resolve('t2');
    await second;
    expect(auth.known).toEqual({ token: 't2' });
  });

  it('does not take the place of the one that was fetched instead, which is forgotten when it is refused', async () => {
    const { runtime, auth, early, late, second } = await twoFetches();
    late.resolve('t2');
    const metadata = await second;
    early.resolve('t1');
    await runtime.settle();
    expect(auth.known).toBe(metadata);
    expect(auth.refused(metadata, etcdError('invalidAuthToken'))).toBe(true);
    expect(auth.known).toBeUndefined();
  });

  it('takes none away by failing', async () => {
    const { runtime, auth, early, late, second } = await twoFetches();
    late.resolve('t2');
    await second;
    early.reject(etcdError('authFailed'));
    await runtime.settle();
    expect(auth.known).toEqual({ token: 't2' });
  });
});

/** A client that holds the token itself; its answers come when a test wants it. */
class Borrowed extends LoopbackChannel {
  readonly calls: Deferred<never>[] = [];

  override unary(): Promise<never> {
    const call = deferred<never>();
    this.calls.push(call);
    return call.promise;
  }
}

describe('a call whose token is refused', () => {
  it('is sent again, though not when its caller has gone at the same moment', async () => {
    const runtime = new SimRuntime();
    const channel = new Borrowed(new ScriptedService());
    const store = new RpcStore({ channels: [channel], runtime });
    const controller = new AbortController();
    const [stays, goes] = [store.txn(putTxn('k', 'v')), store.txn(putTxn('k', 'w'), { signal: controller.signal })];
    await runtime.settle();
    expect(channel.calls).toHaveLength(2);
    for (const call of channel.calls) call.reject(etcdError('invalidAuthToken'));
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(goes).rejects.toBe(reason);
    await runtime.settle();
    expect(channel.calls).toHaveLength(3);
    channel.calls[2]?.reject(etcdError('invalidAuthToken'));
    await expect(stays).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(runtime.pendingTimers).toBe(0);
  });

  it('is sent again once at each endpoint', async () => {
    const runtime = new SimRuntime();
    const channels = [
      new Borrowed(new ScriptedService(), 'first'),
      new Borrowed(new ScriptedService(), 'second'),
    ] as const;
    const store = new RpcStore({ channels, runtime });
    const write = store.txn(putTxn('k', 'v'));
    const refused = etcdError('invalidAuthToken');
    const answers = [refused, new ConclaveError('UNAVAILABLE', 'cannot reach first'), refused, refused];
    for (const [i, error] of answers.entries()) {
      await runtime.settle();
      channels[i < 2 ? 0 : 1].calls[i % 2]?.reject(error);
    }
    await expect(write).rejects.toBe(refused);
    expect(channels.map(({ calls }) => calls.length)).toEqual([2, 2]);
  });
});

/** A store over two endpoints, of which the first is `slow` to give a token and the second does all it is asked. */
function twoEndpoints(slow: () => Promise<never>) {
  const runtime = new SimRuntime();
  const answer = { header: header(2n), succeeded: true, responses: [] };
  const good = new ScriptedService()
    .on(authMethods.authenticate, async () => ({ header: header(1n), token: 't' }))
    .on(kvMethods.txn, async () => answer);
  const services = [new ScriptedService().on(authMethods.authenticate, slow), good];
  const channels = services.map((service, i) => new LoopbackChannel(service, `endpoint-${i}`));
  const store = new RpcStore({ channels, runtime, credentials: { username: 'alice', password: 'pw' } });
  return { runtime, store, answer };
}

describe('an endpoint that gives no token', () => {
  it('is left, though the call that asked for one has more time than that takes', async () => {
    const { runtime, store, answer } = twoEndpoints(() => new Promise(() => {}));
    const first = runtime.until(store.txn({}, { timeoutMs: 60_000 }));
    await expect(first).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'not-applied' });
    expect(await runtime.until(store.txn({}, { timeoutMs: 60_000 }))).toEqual(answer);
    expect(runtime.pendingTimers).toBe(0);
  });
  it('takes nobody along who asks another one', async () => {
    const late = deferred<never>();
    const { runtime, store, answer } = twoEndpoints(() => late.promise);
    const first = store.txn({}, { patienceMs: 600 });
    await runtime.advance(600);
    const second = store.txn({});
    await runtime.settle();
    late.reject(etcdError('noLeader'));
    expect(await runtime.until(Promise.all([first, second]))).toEqual([answer, answer]);
    expect(runtime.pendingTimers).toBe(0);
  });
});
