import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { exclusive } from '../../src/line/exclusive.js';
import { Line, type Turn } from '../../src/line/line.js';
import { moveToEnd } from '../../src/line/move.js';
import { movedKey, newPlaceKey, type PlaceName, placeName } from '../../src/line/place.js';
import { placesOf } from '../../src/line/sight.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { createdAt, remove } from '../../src/store/ops.js';
import type { CallName } from '../support/faulty-store.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const prefix = utf8('line/');
const ttlMs = 10_000;
const never = new AbortController().signal;

const entering = (name: CallName, request: unknown) =>
  name === 'txn' && ((request as TxnRequest).success ?? []).some(({ type }) => type === 'put');

/** Stands in the line in the name of `client`; `value` tells the places apart. */
async function stand(world: SimWorld, client: Client, value: string, signal = never): Promise<{ turn: Promise<Turn> }> {
  const { session } = client.conclave;
  await world.until(session.open());
  const turn = new Line(client.context, session, exclusive(prefix)).join(utf8(value), signal, { tail: 'tail.of it' });
  turn.catch(() => {});
  await world.advance(100);
  return { turn };
}

async function order(world: SimWorld): Promise<string[]> {
  return (await placesOf(world.truth, prefix)).map(({ value }) => utf8Text(value));
}

/** As the holder does it: sends the place with `value` to the end of the line. */
async function move(world: SimWorld, client: Client, value: string): Promise<void> {
  const places = await placesOf(world.truth, prefix);
  const [holder] = places;
  const place = places.find((each) => utf8Text(each.value) === value);
  if (holder === undefined || place === undefined) throw new Error(`no place ${value}`);
  const guard = createdAt(holder.key, holder.createRevision);
  await world.until(moveToEnd(client.context, prefix, place, guard, never));
}

async function leave(world: SimWorld, { key, fence }: Turn): Promise<void> {
  const txn = { compare: [createdAt(key, fence)], success: [remove(key)] };
  expect((await world.truth.txn(txn)).succeeded).toBe(true);
}

describe('a place that is sent to the end of the line', () => {
  it('LINE-9: it waits on there, is admitted in its new turn and keeps its value, tail and lease', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client({ ttlMs }), world.client({ ttlMs }), world.client({ ttlMs })];
      const first = await (await stand(world, a, 'a')).turn;
      const second = await stand(world, b, 'b');
      const third = await stand(world, c, 'c');
      await move(world, a, 'b');
      await move(world, a, 'c');
      await move(world, a, 'b');
      expect(await order(world)).toEqual(['a', 'c', 'b']);
      await world.advance(100);
      await leave(world, first);
      const next = await world.until(third.turn);
      await leave(world, next);
      const last = await world.until(second.turn);
      expect(last.fence).toBeGreaterThan(next.fence);
      const [place] = await world.keys('line/');
      expect(place).toMatchObject({ createRevision: last.fence, lease: b.conclave.session.leaseId });
      expect(placeName(prefix, last.key)).toMatchObject({ moves: 2, tail: 'tail.of it' });
      await leave(world, last);
    }));

  it('LINE-9: a hand-over never waits: whoever is moved looks twice, whoever stood behind it once', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client({ ttlMs }), world.client({ ttlMs }), world.client({ ttlMs })];
      const first = await (await stand(world, a, 'a')).turn;
      const second = await stand(world, b, 'b');
      const third = await stand(world, c, 'c');
      const before = [b.store.counts.txn, c.store.counts.txn];
      await move(world, a, 'b');
      await world.settle();
      const after = [b.store.counts.txn, c.store.counts.txn];
      // Each looks at the ring and once more when its next watches stand; the one that was moved finds itself first.
      expect(after.map((each, i) => each - (before[i] ?? 0))).toEqual([3, 2]);
      for (const turn of [Promise.resolve(first), third.turn, second.turn]) await leave(world, await world.until(turn));
    }));

  it('LINE-9: moved before its owner has heard that it stands: one place, found at its new end', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const first = await (await stand(world, a, 'a')).turn;
      await world.until(b.conclave.session.open());
      b.store.loseReply(entering);
      const moved = new Line(b.context, b.conclave.session, exclusive(prefix)).join(utf8('b'), never);
      await world.settle();
      await move(world, a, 'b');
      await world.advance(1_000);
      expect(await order(world)).toEqual(['a', 'b']);
      await leave(world, first);
      const turn = await world.until(moved);
      expect((await world.keys('line/')).map(({ createRevision }) => createRevision)).toEqual([turn.fence]);
      await leave(world, turn);
      // Nor does a try that arrives late make a second one.
      await world.advance(11 * ttlMs);
    }));

  it('LINE-9: its first request, which somebody on the way repeats when it has been moved, makes no second one', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const first = await (await stand(world, a, 'a')).turn;
      await world.until(b.conclave.session.open());
      b.store.duplicate(entering, 1_000);
      const moved = await stand(world, b, 'b');
      await move(world, a, 'b');
      await world.advance(1_000);
      expect(await order(world)).toEqual(['a', 'b']);
      await leave(world, first);
      await leave(world, await world.until(moved.turn));
    }));

  it('LINE-9: an abort takes it away wherever it stands', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const first = await (await stand(world, a, 'a')).turn;
      const aborts = new AbortController();
      const second = await stand(world, b, 'b', aborts.signal);
      b.store.partition();
      await move(world, a, 'b');
      aborts.abort('enough');
      const error = errorOf(second.turn);
      await world.advance(1_500);
      b.store.heal();
      expect(await world.until(error)).toBe('enough');
      await world.advance(6_000);
      expect(await order(world)).toEqual(['a']);
      await leave(world, first);
    }));

  it('LINE-9: a request that is applied late, after the place was moved and given back, leaves nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const first = await (await stand(world, a, 'a')).turn;
      await world.until(b.conclave.session.open());
      b.store.applyLate(entering, 20_000);
      const second = new Line(b.context, b.conclave.session, exclusive(prefix)).join(utf8('b'), never);
      await world.advance(500);
      await move(world, a, 'b');
      await leave(world, first);
      await leave(world, await world.until(second));
      await world.advance(40_000);
      expect(b.store.inFlight).toBe(0);
      expect(await order(world)).toEqual([]);
      await world.advance(11 * ttlMs);
    }));

  it('LINE-9: nobody is moved by a holder that is none any more, twice by one request, or onto a dead lease', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const first = await (await stand(world, a, 'a')).turn;
      const second = await stand(world, b, 'b');
      a.store.loseReply('txn');
      await move(world, a, 'b');
      const [, place] = await placesOf(world.truth, prefix);
      const name = place && placeName(prefix, place.key);
      if (place === undefined || name === undefined) throw new Error('nobody waits');
      expect(name.moves).toBe(1);
      await leave(world, first);
      const turn = await world.until(second.turn);
      const guard = createdAt(first.key, first.fence);
      await world.until(moveToEnd(a.context, prefix, place, guard, never));
      expect((await world.keys('line/')).map(({ createRevision }) => createRevision)).toEqual([turn.fence]);
      await world.until(b.conclave.close());
      await world.until(moveToEnd(a.context, prefix, place, createdAt(first.key, 0n), never));
      expect(await order(world)).toEqual([]);
    }));
});

describe('the key of a place', () => {
  it('LINE-9: has a stem that stays, a count of moves and a tail of any bytes; keys of others have none', () => {
    const { key, stem } = newPlaceKey('0123456789abcdef', prefix, 255n, 'p\n.é');
    const name = placeName(prefix, key);
    if (name === undefined) throw new Error('no name');
    expect(utf8Text(stem.key)).toBe(`line/${name.stem}`);
    expect(name.moves).toBe(0);
    const moved = placeName(prefix, movedKey(prefix, name, 7n));
    expect(moved).toEqual({ ...name, moves: 1, origin: 7n });
    expect(placeName(prefix, movedKey(prefix, moved as PlaceName, 9n))).toEqual({ ...name, moves: 2, origin: 7n });
    expect(utf8Text(movedKey(prefix, name, 7n))).toBe(`line/${name.stem}.1-7.p\n.é`);
    for (const foreign of ['ff', 'ff.', 'ff.0123', `xyz.${'0'.repeat(16)}`, '', `ff.${'0'.repeat(16)}.x`]) {
      expect(placeName(prefix, utf8(`line/${foreign}`))).toBeUndefined();
    }
  });
});
