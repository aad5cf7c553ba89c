import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { BorrowedLease } from '../../src/lease/borrowed-lease.js';
import { exclusive } from '../../src/line/exclusive.js';
import { Line } from '../../src/line/line.js';
import { plainPlaceKey, plainPrefix } from '../../src/line/place.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { remove } from '../../src/store/ops.js';
import type { CallName, Match } from '../support/faulty-store.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const prefix = plainPrefix(utf8('/a'));

const entering: Match = (name: CallName, request: unknown) =>
  name === 'txn' && ((request as TxnRequest).success ?? []).some(({ type }) => type === 'put');

/** Stands in the line on a lease that nobody here keeps alive. */
function stand({ store, runtime }: Client, lease: bigint, options: { signal?: AbortSignal; since?: bigint } = {}) {
  const line = new Line({ store, runtime }, new BorrowedLease({ store, runtime }, lease), exclusive(prefix));
  const place = { key: plainPlaceKey(prefix, lease), value: utf8(''), since: options.since ?? 0n };
  return line.joinAs(place, options.signal ?? new AbortController().signal);
}

async function grant(world: SimWorld): Promise<bigint> {
  return (await world.truth.leaseGrant({ ttl: 60n })).id;
}

async function leave(world: SimWorld, ...leases: bigint[]): Promise<void> {
  for (const id of leases) await world.truth.leaseRevoke({ id });
}

const placeOf = (lease: bigint) => `/a/${lease.toString(16)}`;

async function places(world: SimWorld): Promise<string[]> {
  return (await world.keys('/a/')).map(({ key }) => utf8Text(key));
}

describe('a place whose key the caller names', () => {
  it('LINE-1: has exactly that key, and stands in the line like any other', () =>
    inWorld(async (world) => {
      const client = world.client();
      const [l1, l2] = [await grant(world), await grant(world)];
      const first = await world.until(stand(client, l1));
      expect(utf8Text(first.key)).toBe(placeOf(l1));
      expect(first.entered.revision).toBe(first.fence);
      const second = stand(client, l2);
      await world.settle();
      expect(await places(world)).toEqual([placeOf(l1), placeOf(l2)]);
      await leave(world, l1);
      const turn = await world.until(second);
      expect([turn.entered.revision, turn.admitted.revision > turn.fence]).toEqual([turn.fence, true]);
      await leave(world, l2);
    }));

  it('LINE-3: is found by whoever stands with the same lease, and told before anything else', () =>
    inWorld(async (world) => {
      const client = world.client();
      const lease = await grant(world);
      const first = await world.until(stand(client, lease));
      const again = await world.until(stand(client, lease));
      expect(again.fence).toBe(first.fence);
      expect(await places(world)).toEqual([placeOf(lease)]);
      await leave(world, lease);
    }));

  it.each(['reply', 'request'] as const)('LINE-3: after a lost %s there is one place, and it is its own', (lost) =>
    inWorld(async (world) => {
      const client = world.client();
      const lease = await grant(world);
      if (lost === 'reply') client.store.loseReply(entering);
      else client.store.loseRequest(entering);
      const turn = await world.until(stand(client, lease));
      expect(await world.keys('/a/')).toMatchObject([{ createRevision: turn.fence, version: 1n }]);
      await leave(world, lease);
    }),
  );

  it('LINE-4: fails at once when its key is deleted, or its lease ends, while it waits', () =>
    inWorld(async (world) => {
      const client = world.client();
      const [l1, l2, l3] = [await grant(world), await grant(world), await grant(world)];
      await world.until(stand(client, l1));
      const [second, third] = [errorOf(stand(client, l2)), errorOf(stand(client, l3))];
      await world.settle();
      await world.truth.txn({ success: [remove(placeOf(l2))] });
      expect(await world.until(second)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
      await leave(world, l3);
      expect(await world.until(third)).toMatchObject({ code: 'SESSION_LOST', loss: 'server' });
      await leave(world, l1, l2);
    }));

  it('LINE-4: a lease that is not there is told in the words of the store', () =>
    inWorld(async (world) => {
      const client = world.client();
      expect(await world.until(errorOf(stand(client, 77n)))).toMatchObject({ code: 'LEASE_NOT_FOUND' });
    }));

  it.each(['no', 'reply', 'request'] as const)('LINE-6: aborted with %s message lost: its place goes', (lost) =>
    inWorld(async (world) => {
      const client = world.client();
      const [l1, l2] = [await grant(world), await grant(world)];
      const { fence: since } = await world.until(stand(client, l1));
      if (lost === 'reply') client.store.loseReply(entering);
      if (lost === 'request') client.store.loseRequest(entering);
      const controller = new AbortController();
      const error = errorOf(stand(client, l2, { signal: controller.signal, since }));
      await world.advance(lost === 'no' ? 10 : 5_020);
      controller.abort('enough');
      expect(await world.until(error)).toBe('enough');
      await world.advance(6_000);
      expect(await places(world)).toEqual([placeOf(l1)]);
      await leave(world, l1, l2);
    }),
  );

  it('LINE-6: one that was there before stays when a later call for it is aborted, though its fate is unknown', () =>
    inWorld(async (world) => {
      const client = world.client();
      const lease = await grant(world);
      const { fence } = await world.until(stand(client, lease));
      client.store.loseReply(entering);
      const controller = new AbortController();
      const error = errorOf(stand(client, lease, { signal: controller.signal, since: fence }));
      await world.settle();
      controller.abort('enough');
      expect(await world.until(error)).toBe('enough');
      await world.advance(6_000);
      expect(await world.keys('/a/')).toMatchObject([{ createRevision: fence }]);
      await leave(world, lease);
    }));
});
