import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import type { InstanceSpec } from '../../src/registry/instance.js';
import type { RegisterSpec, Registration, RegistrationStatus } from '../../src/registry/registration.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { modifiedAt } from '../../src/store/ops.js';
import { anyCall, type CallName } from '../support/faulty-store.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';
import { nextUncaught, uncaughtDuring } from '../support/uncaught.js';

const spec = { service: 'users', id: 'a', address: '10.0.0.9:8080' };
const key = 'services/users/a';

/** What stands under the key now. */
async function stored(world: SimWorld, at = key) {
  const [kv] = (await world.truth.range({ key: utf8(at) })).kvs;
  return kv === undefined ? undefined : { ...JSON.parse(utf8Text(kv.value)), lease: kv.lease };
}

async function remove(world: SimWorld, at = key): Promise<void> {
  await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8(at) } }] });
}

function statusesOf(registration: Registration): RegistrationStatus[] {
  const told: RegistrationStatus[] = [];
  registration.events.on('status', (status) => told.push(status));
  return told;
}

describe('a registration', () => {
  it('REGISTRY-1: stands on the store in the format of Go, on the lease of the process', () =>
    inWorld(async (world) => {
      const client = world.client();
      const registration = await world.until(
        client.conclave.registry.register(
          { ...spec, metadata: { team: 'x' }, weight: 50, zone: 'eu', version: '1.2', protocol: 'grpc' },
          { warmUpMs: 1_000 },
        ),
      );
      expect(await stored(world)).toMatchObject({
        Op: 0,
        Addr: '10.0.0.9:8080',
        Metadata: {
          id: 'a',
          weight: 50,
          zone: 'eu',
          version: '1.2',
          protocol: 'grpc',
          warmUpMs: 1_000,
          status: 'UP',
          meta: { team: 'x' },
        },
        lease: client.conclave.session.leaseId,
      });
      expect(registration).toMatchObject({ service: 'users', id: 'a', key, status: 'registered' });
      expect(registration.signal.aborted).toBe(false);
    }));

  it('REGISTRY-9: costs one txn, and none afterwards', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.session.open());
      await world.until(conclave.registry.register(spec));
      expect(store.counts).toMatchObject({ txn: 1 });
      await world.advance(60_000);
      expect(store.counts).toMatchObject({ txn: 1, watch: 1 });
    }));

  it('REGISTRY-9: all of a process ask in one request whether they still stand', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      for (const id of ['a', 'b', 'c']) await world.until(conclave.registry.register({ ...spec, id }));
      const users = conclave.registry.discover('users');
      await world.until(users.ready());
      const { range } = store.counts;
      await world.advance(60_001);
      expect(store.counts).toMatchObject({ range, txn: 3 + 12, watch: 4 });
      users.close();
    }));

  it('REGISTRY-2: comes back with the same id after its lease was revoked', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const registration = await world.until(conclave.registry.register(spec));
      const told = statusesOf(registration);
      const before = conclave.session.leaseId;
      await world.truth.leaseRevoke({ id: before });
      await world.advance(10_000);
      expect(registration.status).toBe('registered');
      expect((await stored(world))?.lease).toBe(conclave.session.leaseId);
      expect(conclave.session.leaseId).not.toBe(before);
      expect(told).toEqual(['recovering', 'registered']);
    }));

  it('REGISTRY-2: comes back after an outage of any length', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const registration = await world.until(conclave.registry.register(spec));
      store.partition();
      await world.advance(10 * 60_000);
      expect(registration.status).toBe('recovering');
      expect(await stored(world)).toBeUndefined();
      store.heal();
      await world.advance(30_000);
      expect(registration.status).toBe('registered');
      expect(await stored(world)).toMatchObject({ Addr: spec.address });
    }));

  it('REGISTRY-2: comes back whatever a listener throws', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const registration = await world.until(conclave.registry.register(spec));
      registration.events.on('status', (status) => {
        throw new Error(status);
      });
      for (const status of ['recovering', 'registered']) {
        const uncaught = nextUncaught();
        if (status === 'recovering') store.partition();
        else store.heal();
        await world.advance(20_000);
        expect(await uncaught).toMatchObject({ message: status });
        expect(registration.status).toBe(status);
      }
      registration.events.removeAllListeners();
      await world.until(registration.deregister());
    }));

  it('REGISTRY-2: is put there again when somebody deletes it, even if the event is lost', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const registration = await world.until(conclave.registry.register(spec));
      await world.settle();
      await remove(world);
      await world.advance(1_000);
      expect(await stored(world)).toBeDefined();
      store.dropDeletes = true;
      await remove(world);
      await world.advance(20_000);
      store.dropDeletes = false;
      expect(await stored(world)).toBeDefined();
      expect(registration.status).toBe('registered');
    }));

  it('REGISTRY-2: comes back, and REGISTRY-4, REGISTRY-6: is switched and probed, though every listener throws', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      let well = true;
      const registration = await world.until(conclave.registry.register(spec, { health: () => well }));
      await world.advance(1_000);
      for (const event of ['status', 'health', 'enabled'] as const) {
        registration.events.on(event, () => {
          throw new Error(event);
        });
      }
      const uncaught = await uncaughtDuring(async () => {
        await world.truth.leaseRevoke({ id: conclave.session.leaseId });
        await world.advance(10_000);
        await world.until(conclave.registry.setEnabled('users', 'a', false));
        await world.advance(1_000);
        for (well of [false, true]) await world.advance(5_000);
      });
      registration.events.removeAllListeners();
      expect(uncaught.map((error) => (error as Error).message)).toEqual([
        ...['status', 'status', 'enabled'],
        ...['health', 'health'],
      ]);
      expect(registration.status).toBe('registered');
      expect(await stored(world)).toMatchObject({
        lease: conclave.session.leaseId,
        Metadata: { status: 'DISABLED' },
      });
    }));

  it('REGISTRY-2: comes back when the store is restored from a backup that knows its lease, and not the entry', () =>
    inWorld(async (world) => {
      const client = world.client();
      const registration = await world.until(client.conclave.registry.register(spec));
      for (let i = 0; i < 9; i++) await world.until(registration.update({ weight: 10 + i }));
      const told = statusesOf(registration);
      const { leaseId } = client.conclave.session;
      await world.anew(async (store) => {
        await store.leaseGrant({ id: leaseId, ttl: 10n });
        client.store.becomes(store);
        await world.advance(1_000);
        const { kvs } = await store.range({ key: utf8(key) });
        expect(kvs).toMatchObject([{ lease: leaseId }]);
        expect(told).toEqual(['recovering', 'registered']);
        await world.until(client.conclave.close());
      });
      await world.expire();
    }));

  it('REGISTRY-3: a second process with the id gets a conflict, and leaves the first alone', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const first = await world.until(a.conclave.registry.register(spec));
      expect(await world.until(errorOf(b.conclave.registry.register({ ...spec, address: 'b:1' })))).toMatchObject({
        code: 'CONFLICT',
        outcome: 'not-applied',
      });
      expect(await stored(world)).toMatchObject({ Addr: spec.address });
      expect(first.status).toBe('registered');
    }));

  it('REGISTRY-3: takes over on request; the first one ends and does not come back', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const first = await world.until(a.conclave.registry.register(spec));
      const second = await world.until(b.conclave.registry.register({ ...spec, address: 'b:1' }, { takeOver: true }));
      await world.advance(60_000);
      expect(first.status).toBe('ended');
      expect(first.signal.reason).toMatchObject({ code: 'CONFLICT' });
      expect(await errorOf(first.update({ weight: 2 }))).toMatchObject({ code: 'CONFLICT' });
      await first[Symbol.asyncDispose]();
      expect(second.status).toBe('registered');
      expect(await stored(world)).toMatchObject({ Addr: 'b:1' });
    }));

  it('REGISTRY-3: one that was cut off while another took over ends when it is back', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const first = await world.until(a.conclave.registry.register(spec));
      a.store.partition();
      await world.advance(1_000);
      await world.until(b.conclave.registry.register({ ...spec, address: 'b:1' }, { takeOver: true }));
      await world.advance(60_000);
      a.store.heal();
      await world.advance(60_000);
      expect(first.signal.reason).toMatchObject({ code: 'CONFLICT' });
      expect(await stored(world)).toMatchObject({ Addr: 'b:1' });
    }));

  it('REGISTRY-4: update, drain and an operator’s switch change one thing each and survive a lost lease', () =>
    inWorld(async (world) => {
      const [a, operator] = [world.client(), world.client()];
      const registration = await world.until(a.conclave.registry.register(spec));
      await world.until(registration.update({ weight: 7, metadata: { n: 1 } }));
      expect(await world.until(operator.conclave.registry.setEnabled('users', 'a', false))).toBe(true);
      await world.settle();
      await world.until(registration.drain());
      expect(registration.status).toBe('draining');
      const expected = { Metadata: { weight: 7, status: 'DISABLED+DRAINING', meta: { n: 1 } } };
      expect(await stored(world)).toMatchObject(expected);
      await world.truth.leaseRevoke({ id: a.conclave.session.leaseId });
      await world.advance(10_000);
      expect(await stored(world)).toMatchObject(expected);
      expect(await world.until(operator.conclave.registry.setEnabled('users', 'a', true))).toBe(true);
      expect(await world.until(operator.conclave.registry.setEnabled('users', 'nobody', true))).toBe(false);
      await world.settle();
      expect(registration.entry.enabled).toBe(true);
    }));

  it('REGISTRY-4: an operator whose word was not answered is told so, and one who gives up at once', () =>
    inWorld(async (world) => {
      const [owner, operator] = [world.client(), world.client()];
      const registration = await world.until(owner.conclave.registry.register(spec));
      const { registry } = operator.conclave;
      for (let i = 0; i < 20; i++) operator.store.loseReply('txn');
      const error = await world.until(errorOf(registry.setEnabled('users', 'a', false)));
      expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
      expect(registration.entry.enabled).toBe(false);
      operator.store.partition();
      const giveUp = new AbortController();
      const given = errorOf(registry.setEnabled('users', 'a', true, { signal: giveUp.signal }));
      await world.advance(10);
      giveUp.abort('enough');
      await world.settle();
      expect(operator.store.activeCalls).toBe(0);
      expect(await given).toBe('enough');
    }));

  it('REGISTRY-4: an update that the store refuses changes nothing, and is in nobody’s way', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const registration = await world.until(conclave.registry.register({ ...spec, metadata: { n: 1 } }));
      const tooLarge = etcdError('requestTooLarge');
      store.refuse('txn', tooLarge);
      const big = registration.update({ metadata: { n: 2 } });
      expect(await world.until(errorOf(big))).toBe(tooLarge);
      await world.settle();
      expect(registration).toMatchObject({ status: 'registered', entry: { metadata: { n: 1 } } });
      await world.until(registration.drain());
      expect(await stored(world)).toMatchObject({ Metadata: { status: 'DRAINING', meta: { n: 1 } } });
      await world.until(registration.update({ weight: 7 }));
      expect(registration).toMatchObject({ status: 'draining', entry: { weight: 7, metadata: { n: 1 } } });
      await world.until(registration.deregister());
    }));

  it('REGISTRY-4: an operator’s word and an update at the same time both count', () =>
    inWorld(async (world) => {
      const [a, operator] = [world.client(), world.client()];
      const registration = await world.until(a.conclave.registry.register(spec));
      a.store.watchLagMs = 500;
      a.store.delay('txn', { requestMs: 50, replyMs: 0 });
      const updated = registration.update({ weight: 7 });
      await world.until(operator.conclave.registry.setEnabled('users', 'a', false));
      await world.until(updated);
      await world.advance(1_000);
      expect(await stored(world)).toMatchObject({ Metadata: { weight: 7, status: 'DISABLED' } });
    }));

  it('REGISTRY-5: leaves after it has drained, and leaves nothing', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const registration = await world.until(conclave.registry.register(spec, { drainMs: 2_000 }));
      const left = registration.deregister();
      await world.advance(1_000);
      expect(await stored(world)).toMatchObject({ Metadata: { status: 'DRAINING' } });
      await world.until(left);
      expect(await stored(world)).toBeUndefined();
      expect(registration.status).toBe('ended');
      expect(registration.signal.reason).toMatchObject({ code: 'RELEASED' });
      await registration.deregister();
      expect(await errorOf(registration.drain())).toMatchObject({ code: 'RELEASED' });
    }));

  it('REGISTRY-5: the end of the connection takes it away', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const registration = await world.until(conclave.registry.register(spec));
      await world.until(conclave.close());
      expect(await stored(world)).toBeUndefined();
      expect(registration.signal.reason).toMatchObject({ code: 'CLOSED' });
    }));

  it('REGISTRY-5: an abort or a timeout leaves nothing', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.session.open());
      for (const options of [{ timeoutMs: 100 }, { signal: AbortSignal.abort('no') }]) {
        store.delay('txn', { requestMs: 3_000, replyMs: 0 });
        const error = await world.until(errorOf(conclave.registry.register(spec, options)));
        expect(error).toSatisfy((each) => each === 'no' || (each as { code: string }).code === 'TIMEOUT');
        await world.advance(20_000);
        expect(await stored(world)).toBeUndefined();
      }
    }));

  it('REGISTRY-6: says that it is ill after three failed checks, and well after one good', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      let answer: () => unknown = () => true;
      const health = { probe: () => answer(), intervalMs: 1_000, timeoutMs: 500 };
      const registration = await world.until(conclave.registry.register(spec, { health }));
      const told: boolean[] = [];
      registration.events.on('health', (healthy) => told.push(healthy));
      answer = () => Promise.reject(new Error('ill'));
      await world.advance(2_000);
      expect(told).toEqual([]);
      await world.advance(1_500);
      expect(await stored(world)).toMatchObject({ Metadata: { status: 'ILL' } });
      answer = () => true;
      await world.advance(1_500);
      expect(await stored(world)).toMatchObject({ Metadata: { status: 'UP' } });
      // A check that hangs is a failed one.
      answer = () => new Promise(() => {});
      await world.advance(6_000);
      expect(told).toEqual([false, true, false]);
      await world.until(registration.deregister());
    }));

  it('REGISTRY-5: one with a session of its own ends with that', () =>
    inWorld(async (world) => {
      const client = world.client();
      const session = client.session();
      await world.until(session.open());
      const registration = await world.until(client.conclave.registry.register(spec, { session }));
      await world.until(session.close());
      await world.settle();
      expect(registration.signal.reason).toMatchObject({ code: 'SESSION_LOST' });
      expect(await stored(world)).toBeUndefined();
    }));

  it.each([
    ['an empty service', { ...spec, service: '' }],
    ['a service that ends with a slash', { ...spec, service: 'users/' }],
    ['an id with a slash', { ...spec, id: 'a/b' }],
    ['an empty id', { ...spec, id: '' }],
    ['no port', { ...spec, address: 'host' }],
    ['a port out of range', { ...spec, address: 'host:70000' }],
    ['a space in the host', { ...spec, address: 'my host:1' }],
    ['credentials in the address', { ...spec, address: 'http://me:secret@host:1' }],
    ['a weight of 0', { ...spec, weight: 0 }],
    ['a negative weight', { ...spec, weight: -1 }],
    ['a weight that is none', { ...spec, weight: Number.NaN }],
    ['an empty zone', { ...spec, zone: '' }],
    ['metadata above 1 MiB', { ...spec, metadata: { x: 'x'.repeat(1024 * 1024) } }],
    ['nothing', undefined as unknown as RegisterSpec],
    ['a name alone', 'users' as unknown as RegisterSpec],
  ])('refuses %s, and sends nothing', (_, wrong) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const error = await errorOf(conclave.registry.register(wrong));
      expect(error).toMatchObject({ code: expect.stringMatching(/^INVALID_(ARGUMENT|NAME)$/) });
      expect(store.counts).toMatchObject({ txn: 0, leaseGrant: 0 });
    }),
  );

  it.each([
    ['a weight of 0', { weight: 0 }],
    ['an address without a port', { address: 'host' }],
    ['metadata that is no object', { metadata: [] }],
    ['metadata with a circle', { metadata: circle() }],
    ['metadata with a bigint', { metadata: { n: 1n } }],
    ['metadata above 1 MiB', { metadata: { x: 'x'.repeat(1024 * 1024) } }],
  ])('refuses an update with %s, and stands as before', (_, wrong) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const registration = await world.until(conclave.registry.register(spec));
      const before = await stored(world);
      const error = await world.until(errorOf(registration.update(wrong as Partial<InstanceSpec>)));
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-applied' });
      expect(await stored(world)).toEqual(before);
      expect(registration.status).toBe('registered');
    }),
  );

  it.each([
    '10.0.0.9:8080',
    '[::1]:80',
    'users.internal:443',
    'https://users.internal:443/path',
    'unix:/run/users.sock',
  ])('takes %s for an address', (address) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.until(conclave.registry.register({ ...spec, address }));
      expect(await stored(world)).toMatchObject({ Addr: address });
    }),
  );
});

function circle(): object {
  const self: Record<string, unknown> = {};
  self.self = self;
  return self;
}

describe('a registration over a bad network', () => {
  const calls: readonly CallName[] = ['leaseGrant', 'txn'];
  it.each(
    calls.flatMap((call) =>
      (['loseRequest', 'loseReply', 'applyLate'] as const).map((fault) => [fault, call] as const),
    ),
  )('REGISTRY-7: %s of %s: stands once, and goes', (fault, call) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      if (fault === 'applyLate') store.applyLate(call, 7_000);
      else store[fault](call);
      const registration = await world.until(conclave.registry.register(spec));
      expect(await stored(world)).toMatchObject({ Addr: spec.address });
      await world.advance(30_000);
      expect(registration.status).toBe('registered');
      if (fault === 'applyLate') store.applyLate('txn', 7_000);
      else store[fault]('txn');
      await world.until(registration.update({ weight: 3 }));
      await world.until(registration.deregister());
      await world.advance(60_000);
      expect(await stored(world)).toBeUndefined();
    }),
  );

  it('REGISTRY-7: a put that is applied long after the entry was given up is taken away', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.session.open());
      store.applyLate('txn', 20_000);
      const registration = await world.until(conclave.registry.register(spec));
      await world.until(registration.deregister());
      expect(await stored(world)).toBeUndefined();
      await world.advance(21_000);
      expect(await stored(world)).toBeUndefined();
      const { kvs } = await world.truth.range({ key: utf8(key) });
      expect((await world.truth.txn({ compare: [modifiedAt(key, 0n)] })).succeeded).toBe(kvs.length === 0);
      await world.advance(120_000);
    }));

  it('REGISTRY-7: a put that is applied after somebody had taken over and left is taken away', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await world.until(a.conclave.session.open());
      a.store.applyLate('txn', 20_000);
      const first = await world.until(a.conclave.registry.register(spec));
      const second = await world.until(b.conclave.registry.register(spec, { takeOver: true }));
      await world.settle();
      expect(first).toMatchObject({ status: 'ended', signal: { reason: { code: 'CONFLICT' } } });
      expect(await stored(world)).toBeDefined();
      await world.until(second.deregister());
      await world.advance(30_000);
      expect(await stored(world)).toBeUndefined();
    }));

  it('REGISTRY-7: a put that was never answered and then refused is taken away, too', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await world.until(a.conclave.session.open());
      a.store.applyLate('txn', 20_000);
      const refused = errorOf(a.conclave.registry.register(spec));
      const second = await world.until(b.conclave.registry.register(spec));
      expect(await world.until(refused)).toMatchObject({ code: 'CONFLICT' });
      await world.until(second.deregister());
      await world.advance(30_000);
      expect(await stored(world)).toBeUndefined();
    }));

  it('REGISTRY-5: a take-over that is given up leaves alone whoever has the id', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const first = await world.until(a.conclave.registry.register(spec));
      await world.until(b.conclave.session.open());
      const told = statusesOf(first);
      // The first one reads whose it is; the one that would take it is lost.
      b.store.partitionAt('txn', 1);
      const error = errorOf(b.conclave.registry.register(spec, { takeOver: true, timeoutMs: 1_000 }));
      expect(await world.until(error)).toMatchObject({ code: 'TIMEOUT' });
      b.store.heal();
      await world.advance(30_000);
      expect(told).toEqual([]);
      expect(first.status).toBe('registered');
    }));

  it('REGISTRY-7: nothing is answered for a while at any moment', () =>
    inWorld(async (world) => {
      for (let skip = 0; skip < 4; skip++) {
        const { conclave, store } = world.client();
        store.partitionAt(anyCall, skip);
        const registering = conclave.registry.register({ ...spec, id: `n${skip}` });
        await world.advance(30_000);
        store.heal();
        const registration = await world.until(registering);
        await world.advance(30_000);
        expect(registration.status).toBe('registered');
        expect(await stored(world, `services/users/n${skip}`)).toBeDefined();
      }
    }));
});
