import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { randomHex } from '../../src/core/runtime.js';
import { admitAlone, admitByWeight } from '../../src/line/admit.js';
import { comparePlaces, isPlace, newPlaceKey, type Place } from '../../src/line/place.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';

function place(key: string, createRevision: bigint, lease = 7n): Place {
  return { key: utf8(key), createRevision, modRevision: createRevision, version: 1n, value: utf8(''), lease };
}

const older = place('a/1', 3n);
const oldest = place('a/2', 2n);

describe('admitAlone()', () => {
  it.each([
    ['nobody is before it', [], { type: 'admitted' }],
    ['one is before it', [older], { type: 'wait', behind: older }],
    ['several are before it', [older, oldest], { type: 'wait', behind: older }],
  ])('LINE-1: when %s', (_, elders, verdict) => {
    expect(admitAlone(elders)).toEqual(verdict);
  });
});

describe('admitByWeight()', () => {
  const three = { permits: 3, highest: 3 };

  it.each([
    ['nobody is before it', [], 3, three, 'admitted'],
    ['it fits in', [1, 1], 1, three, 'admitted'],
    ['it does not fit, and all who are before it do', [1, 1], 2, three, 'wait-for-room'],
    ['they fill it', [1, 2], 1, three, 'wait-for-room'],
    ['somebody before it waits', [2, 1, 1], 1, three, 'wait'],
    ['nobody is before it, and there is nothing to have', [], 1, { permits: 0, highest: 3 }, 'wait-for-room'],
    ['holders from before the permits became fewer', [1, 1, 1], 1, { permits: 1, highest: 3 }, 'wait-for-room'],
    ['more than could ever be holders', [1, 1, 1, 1], 1, { permits: 1, highest: 3 }, 'wait'],
  ])('LINE-1, LINE-10: when %s', (_, weights, weight, permits, type) => {
    const newest = weights.length === 0 ? undefined : older;
    expect(admitByWeight(weights, newest, weight, permits).type).toBe(type);
  });
});

describe('a place', () => {
  const prefix = utf8('locks/a/');

  it.each([
    ['a direct child on a lease', 'locks/a/1f.00ff', 7n, true],
    ["Go's own layout", 'locks/a/694d', 7n, true],
    ['a lease of a negative id', 'locks/a/-5', -5n, true],
    ['a key of a nested name', 'locks/a/b/1f.00ff', 7n, false],
    ['a key of a name that ends with a slash', 'locks/a//1f.00ff', 7n, false],
    ['the bare prefix', 'locks/a/', 7n, false],
    ['a key without a lease', 'locks/a/1f', 0n, false],
  ])('LINE-2: %s', (_, key, lease, expected) => {
    expect(isPlace(prefix, place(key, 2n, lease))).toBe(expected);
  });

  it('LINE-2: order is that of create revisions, and of keys within one txn', () => {
    const places = [place('a/9', 10n), place('a/b', 9n), place('a/a', 9n), place('a/1', 8n)];
    expect([...places].sort(comparePlaces).map(({ key }) => Buffer.from(key).toString())).toEqual([
      'a/1',
      'a/a',
      'a/b',
      'a/9',
    ]);
  });

  it('LINE-3: its key is below the prefix, with the lease in hex as Go and etcdctl write it', () => {
    const key = Buffer.from(newPlaceKey(randomHex(new SimRuntime()), prefix, 255n).key).toString();
    expect(key).toMatch(/^locks\/a\/ff\.[0-9a-f]{16}$/);
  });
});
