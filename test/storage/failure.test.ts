import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { EngineStore } from '../../src/engine/engine-store.js';
import { createService } from '../../src/server/service.js';
import { Prng } from '../../src/sim/prng.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type { DurableHost } from '../../src/storage/durable-host.js';
import { Reserve } from '../../src/storage/reserve.js';
import { maintenanceMethods } from '../../src/wire/admin-methods.js';
import { AlarmAction, type AlarmResponse } from '../../src/wire/codec/maintenance.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import { type DuplexMethod, kvMethods, watchMethods } from '../../src/wire/methods.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { CrashFs, fault } from './support/crash-fs.js';
import { digest, openOn } from './support/crash-trial.js';

const put = (key: string, value = '') => ({
  success: [{ type: 'put' as const, request: { key: utf8(key), value: utf8(value) } }],
});

function rejection(promise: Promise<unknown>): Promise<ConclaveError> {
  return promise.then(
    () => {
      throw new Error('resolved');
    },
    (error: unknown) => error as ConclaveError,
  );
}

/**
 * A disk on which `operation` fails with `code` from when `isBroken` says so; counts what is asked of it after that.
 */
function breakable(operation: string, code: string) {
  const state = { broken: false, asked: 0 };
  const fs = new CrashFs({
    before: (each) => {
      if (state.broken) state.asked += 1;
      if (state.broken && each === operation) throw fault(code, `${operation} failed`);
    },
  });
  return { fs, state };
}

async function reopened(fs: CrashFs): Promise<DurableHost> {
  return openOn(new CrashFs({}, fs.files()));
}

describe.each([
  ['sync', 'EIO', /writing .*0000000001\.log failed: EIO/],
  ['write', 'EIO', /writing .*0000000001\.log failed: EIO/],
  ['write', 'ENOSPC', /the disk is full: make room and start again \(ENOSPC/],
  ['write', 'EDQUOT', /the quota is used up/],
])('a %s that fails with %s', (operation, code, message) => {
  it('ends the store: everybody is told, nothing is tried again, what was acknowledged is there', async () => {
    const { fs, state } = breakable(operation, code);
    // Of no use to a disk that fails otherwise than for want of room.
    const { host, failure, close } = await openOn(fs, 4_000, new SimRuntime(), code === 'EIO' ? 4_000 : 0);
    await host.regainRoom();
    const store = new EngineStore(host);
    await store.txn(put('kept'));
    const acknowledged = digest(host);
    const ended = new Promise<ConclaveError>((resolve) => {
      store.watch(
        { key: utf8('a') },
        { onEvents: () => resolve(new ConclaveError('INTERNAL', 'told')), onEnd: resolve },
      );
    });
    state.broken = true;
    const errors = await Promise.all([
      rejection(store.txn(put('a'))),
      rejection(store.range({ key: utf8('a') })),
      rejection(store.txn({ success: [] })),
    ]);
    for (const error of errors)
      expect(error).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown', retryable: false });
    for (const error of errors) expect(error.message).toMatch(message);
    expect(await ended).toBe(failure.reason);
    expect([failure.aborted, host.closed]).toEqual([true, true]);
    expect((await rejection(store.txn(put('b')))).message).toMatch(message);
    await close();
    // What a full disk took of the record is cut off.
    expect(state.asked).toBe(operation === 'sync' || code !== 'EIO' ? 2 : 1);

    // With room, or another disk. What a failed sync has left may be there, though nobody was told.
    const again = await reopened(fs);
    if (operation === 'write') {
      expect(digest(again.host)).toBe(acknowledged);
      expect(again.cutBytes > 0).toBe(code === 'EIO');
    }
    await new EngineStore(again.host).txn(put('b'));
    expect((await new EngineStore(again.host).range({ key: utf8('kept') })).count).toBe(1n);
    await again.close();
  });
});

it.each([
  ['write', 1],
  ['sync', 2],
])(
  'a %s that fails with EIO, of the zeros that make room, ends the store: nothing comes after it',
  async (operation, asked) => {
    const { fs, state } = breakable(operation, 'EIO');
    const { host, close } = await openOn(fs, 1 << 20, new SimRuntime(), 4_000);
    await host.regainRoom();
    state.broken = true;
    expect((await rejection(new EngineStore(host).txn(put('a', 'x'.repeat(100_000))))).message).toMatch(/failed: EIO/);
    await close();
    expect(state.asked).toBe(asked);
  },
);

it('a full disk in the middle of a checkpoint: the same, at each of its writes', async () => {
  for (let allowed = 0; allowed < 40; allowed++) {
    let left = Number.POSITIVE_INFINITY;
    const fs = new CrashFs({
      before: (operation) => {
        if (['write', 'create'].includes(operation) && left-- <= 0) throw fault('ENOSPC', 'no space left on device');
      },
    });
    const { host, failure, close } = await openOn(fs);
    const random = new Prng(allowed);
    let acknowledged = digest(host);
    let next = acknowledged;
    for (let i = 0; i < 60 && !failure.aborted; i++) {
      if (i === 20) left = allowed;
      host.put({ key: utf8(`k${i % 5}`), value: random.bytes(100) });
      next = digest(host);
      try {
        await host.committed();
        acknowledged = next;
      } catch (error) {
        expect(error).toBe(failure.reason);
      }
    }
    await close().catch((error: unknown) => expect(String(error)).toMatch(/disk is full/));
    const again = await reopened(fs);
    // The last may have been written, though nobody was told.
    expect([acknowledged, next]).toContain(digest(again.host));
    again.host.put({ key: utf8('after') });
    await again.host.committed();
    await again.close();
  }
});

describe('a full disk, with a reserve', () => {
  const noSpace = { code: 'RESOURCE_EXHAUSTED', message: 'etcdserver: mvcc: database space exceeded' };
  const disarm = { action: AlarmAction.deactivate, alarm: 1 };

  /** A disk of `bytes` that can be made larger; a store on it, with room for 4,000 bytes when there is none. */
  async function opened(bytes: number) {
    const disk = { bytes };
    const fs: CrashFs = new CrashFs({
      before: (operation, written, growth) => {
        const used = [...fs.files().values()].reduce((sum, { length }) => sum + length, 0);
        if (operation !== 'write' || used + growth <= disk.bytes) return;
        const fits = written - growth + Math.max(0, disk.bytes - used);
        throw Object.assign(fault('ENOSPC', 'no space left on device'), { written: fits });
      },
    });
    const durable = await openOn(fs, 1 << 20, new SimRuntime(), 4_000);
    expect(await durable.host.regainRoom()).toBe(true);
    const store = new EngineStore(durable.host);
    const alarm = createService(durable.host, { runtime: new SimRuntime() }).unary(maintenanceMethods.alarm.path);
    const context = { metadata: {}, signal: new AbortController().signal };
    const ask = async (request: object) => {
      const { memberId } = durable.host.engine.header();
      return (await alarm?.handle({ memberId, ...request }, context)) as AlarmResponse;
    };
    return { disk, fs, ...durable, store, ask };
  }

  /** How many puts of 300 bytes were acknowledged before one was refused. */
  async function fill(store: EngineStore): Promise<number> {
    // Bounded by the disk.
    for (let count = 0; ; count++) {
      try {
        await store.txn(put(`k${count}`, 'x'.repeat(300)));
      } catch (error) {
        expect(error).toMatchObject(noSpace);
        return count;
      }
    }
  }

  it('refuses puts as etcd does, serves everything else, and goes on when there is room and no alarm', async () => {
    const { disk, fs, host, store, ask, failure, close } = await opened(10_000);
    const count = await fill(store);
    expect(count).toBeGreaterThan(10);
    const range = { key: utf8('\0'), rangeEnd: utf8('\0') };
    expect((await store.range(range)).count).toBe(BigInt(count));
    expect((await ask({ action: AlarmAction.get, alarm: 0 })).alarms).toHaveLength(1);
    await store.txn({ success: [{ type: 'deleteRange', request: { key: utf8('k0') } }] });
    await expect(store.leaseGrant({ id: 1n, ttl: 10n })).rejects.toMatchObject(noSpace);
    await expect(ask(disarm)).rejects.toMatchObject(noSpace);
    expect(await rejection(store.txn(put('a')))).toMatchObject(noSpace);
    // Killed now, and the power gone: the same.
    const again = await reopened(fs);
    expect(digest(again.host)).toBe(digest(host));
    disk.bytes = 20_000;
    expect((await ask(disarm)).alarms).toHaveLength(1);
    expect(await fill(store)).toBeGreaterThan(10);
    expect(failure.aborted).toBe(false);
    const last = digest(host);
    await close();
    const reopenedLast = await reopened(fs);
    expect(digest(reopenedLast.host)).toBe(last);
    await reopenedLast.close();
  });

  it.each([true, false])('an attempt to get the reserve back takes the room from no write (room: %j)', async (room) => {
    const fs = new CrashFs({ before: (operation) => (operation === 'write' && !room ? enospc() : undefined) });
    const reserve = new Reserve(fs, '/data', 100);
    const filling = reserve.fill();
    expect(await reserve.spend()).toBe(true);
    expect(await filling).toBe(room);
    expect(await fs.list()).toEqual([]);
    expect(await reserve.spend()).toBe(false);
  });

  it('ends the store when what frees room has used up the reserve too', async () => {
    const { fs, host, store, failure, close } = await opened(10_000);
    await fill(store);
    let acknowledged = digest(host);
    // Bounded by the reserve.
    while (!failure.aborted) {
      host.auth.addRole(`role ${digest(host)}`);
      try {
        await host.committed();
        acknowledged = digest(host);
      } catch (error) {
        expect(error).toBe(failure.reason);
      }
    }
    await close();
    const again = await reopened(fs);
    expect(digest(again.host)).toBe(acknowledged);
    await again.close();
  });

  it('at the start: is told by the alarm, and everything is served that needs no room', async () => {
    const { fs, host, store, close } = await opened(10_000);
    await store.txn(put('a'));
    const before = digest(host);
    await close();
    const files = fs.files();
    files.delete('reserve');
    const full = new CrashFs({ before: (op, n) => (op === 'write' && n > 500 ? enospc() : undefined) }, files);
    const again = await openOn(full, 1 << 20, new SimRuntime(), 4_000);
    expect(await again.host.regainRoom()).toBe(false);
    expect(digest(again.host)).not.toBe(before);
    expect((await new EngineStore(again.host).range({ key: utf8('a') })).count).toBe(1n);
    await expect(new EngineStore(again.host).txn(put('b'))).rejects.toMatchObject(noSpace);
    await again.close();
  });

  it('in the middle of a checkpoint: the log goes on, and a compaction has it tried again', async () => {
    let isFull = false;
    const fs = new CrashFs({ before: (op) => (isFull && op === 'create' ? enospc() : undefined) });
    const { host, close } = await openOn(fs, 2_000, new SimRuntime(), 4_000);
    await host.regainRoom();
    isFull = true;
    const store = new EngineStore(host);
    for (let i = 0; i < 10; i++) await store.txn(put('k', 'x'.repeat(300))).catch(() => {});
    expect(host.alarms.has(1)).toBe(true);
    expect([...fs.files().keys()].sort()).toEqual(['0000000001.log', 'reserve']);
    isFull = false;
    await store.compact({ revision: host.stats().revision });
    await store.txn({ success: [{ type: 'deleteRange', request: { key: utf8('k') } }] });
    const last = digest(host);
    await close();
    expect([...fs.files().keys()].sort()).toContain('0000000002.log');
    const again = await reopened(fs);
    expect(digest(again.host)).toBe(last);
    await again.close();
  });
});

function enospc(): never {
  throw fault('ENOSPC', 'no space left on device');
}

describe('while a sync takes its time', () => {
  async function opened() {
    const runtime = new SimRuntime();
    const gate = { hold: false, open: () => {} };
    const wait = () =>
      new Promise<void>((resolve) => {
        gate.open = resolve;
      });
    const fs = new CrashFs({ duringSync: () => (gate.hold ? wait() : Promise.resolve()) });
    const { host, close } = await openOn(fs, 4_000, runtime);
    gate.hold = true;
    const release = () => {
      gate.hold = false;
      gate.open();
    };
    return { runtime, host, store: new EngineStore(host), close, release };
  }

  it('nobody hears of a write: not its writer, no reader, no watcher, no heartbeat', async () => {
    const { runtime, host, store, close, release } = await opened();
    const service = createService(host, { runtime });
    const remote = new RpcStore({ channels: [new LoopbackChannel(service)], runtime });
    const heard: string[] = [];
    const told = (what: string) => () => heard.push(what);
    const created = new Promise<void>((resolve) => {
      store.watch({ key: utf8('a') }, { onCreated: () => resolve(), onEvents: told('watch'), onEnd: told('end') });
    });
    const remoteCreated = new Promise<void>((resolve) => {
      const listener = { onCreated: () => resolve(), onEvents: told('remote watch'), onEnd: told('end') };
      remote.watch({ key: utf8('a') }, listener);
    });
    await Promise.all([created, remoteCreated]);
    const calls = [
      store.txn(put('a')).then(told('txn')),
      store.range({ key: utf8('a') }).then(told('range')),
      rejection(store.leaseRevoke({ id: 9n })).then(told('refusal')),
      remote.txn(put('b')).then(told('remote txn')),
      remote.range({ key: utf8('a') }).then(told('remote range')),
      rejection(remote.leaseRevoke({ id: 9n })).then(told('remote refusal')),
      remote.leaseKeepAlive({ id: 9n }).then(told('remote heartbeat')),
    ];
    // Moves nothing, and lets everything run that can.
    await runtime.advance(0);
    expect(host.stats().revision).toBe(3n);
    expect(heard).toEqual([]);
    release();
    await Promise.all(calls);
    await runtime.advance(0);
    expect(heard.toSorted()).toEqual(
      [
        'watch',
        'remote watch',
        'txn',
        'range',
        'refusal',
        'remote txn',
        'remote range',
        'remote refusal',
        'remote heartbeat',
      ].toSorted(),
    );
    await remote.close();
    await store.close();
    await close();
    expect(runtime.pendingTimers).toBe(0);
  });

  it('nobody hears of users and roles that are not on disk: not by a refusal, not by a snapshot', async () => {
    const { runtime, host, store, close, release } = await opened();
    const service = createService(host, { runtime });
    const heard: string[] = [];
    const told = (what: string) => () => heard.push(what);
    const context = { metadata: {}, signal: new AbortController().signal };
    const stream = <Request>(method: DuplexMethod<Request, unknown>, request: Request, what: string) => {
      const call = service.duplex(method.path)?.open({ send: told(what), end: told(what) }, context);
      call?.onMessage(request);
      return () => call?.onCancel();
    };
    host.auth.addUser({ name: 'root', passwordHash: utf8(''), noPassword: true });
    host.auth.grantRole('root', 'root');
    stream(maintenanceMethods.snapshot, {}, 'snapshot');
    host.auth.enable();
    const cancelWatch = stream(watchMethods.watch, { type: 'create', request: { key: utf8('a') } }, 'watch refusal');
    const refused = rejection(
      service.unary(kvMethods.range.path)?.handle({ key: utf8('a') }, context) as Promise<unknown>,
    ).then(told('refusal'));
    await runtime.advance(0);
    expect(heard).toEqual([]);
    release();
    await refused;
    await runtime.advance(0);
    expect([...new Set(heard)].toSorted()).toEqual(['refusal', 'snapshot', 'watch refusal']);
    cancelWatch();
    await store.close();
    await close();
  });

  it('an abort and a time limit are told at once; what was asked for stays', async () => {
    const { runtime, store, close, release } = await opened();
    const abort = new AbortController();
    const aborted = rejection(store.txn(put('a'), { signal: abort.signal }));
    const late = rejection(store.txn(put('b'), { timeoutMs: 100 }));
    abort.abort(new Error('enough'));
    expect((await aborted).message).toBe('enough');
    await runtime.advance(100);
    expect(await late).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    release();
    expect((await store.range({ key: utf8('a'), rangeEnd: utf8('c') })).count).toBe(2n);
    await close();
    expect(runtime.pendingTimers).toBe(0);
  });
});
