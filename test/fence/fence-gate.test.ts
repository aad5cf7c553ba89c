import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FenceGate, type FenceMemory, StoredFenceGate } from '../../src/fence/fence-gate.js';
import { errorOf } from '../support/sim-world.js';

const access = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.bigInt({ min: 1n, max: 12n }));

function lets(gate: FenceGate, resource: string, fence: bigint): boolean {
  try {
    gate.admit(resource, fence);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'STALE_FENCE' });
    return false;
  }
}

describe('FenceGate', () => {
  it('FENCE-1: lets in whatever is not lower than what was let in to the same resource, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 30 }), (accesses) => {
        const gate = new FenceGate();
        const highest = new Map<string, bigint>();
        for (const [resource, fence] of accesses) {
          const due = fence >= (highest.get(resource) ?? 0n);
          expect(lets(gate, resource, fence)).toBe(due);
          if (due) highest.set(resource, fence);
        }
      }),
    );
  });

  it('FENCE-2: with less memory than resources it never lets in what it should not, nor forgets the highest', () => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), (accesses, resourcesMax) => {
        const gate = new FenceGate({ resourcesMax });
        const highest = new Map<string, bigint>();
        let top = 0n;
        for (const [resource, fence] of accesses) {
          const due = fence >= (highest.get(resource) ?? 0n);
          const let_in = lets(gate, resource, fence);
          if (let_in) expect(due).toBe(true);
          // What is newer than everything gets in always: every new holder is.
          if (fence > top) expect(let_in).toBe(true);
          if (let_in) highest.set(resource, fence);
          if (fence > top) top = fence;
        }
      }),
    );
  });

  it('FENCE-3: runs one access at a time, and looks at the fence when its turn has come', async () => {
    const gate = new FenceGate();
    const log: string[] = [];
    const access = (name: string, fence: bigint, work: Promise<void>) =>
      gate.run('x', fence, async () => {
        log.push(`${name} begins`);
        await work;
        log.push(`${name} ends`);
        return name;
      });
    let finish = () => {};
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const old = access('old', 5n, slow);
    const failing = errorOf(gate.run('x', 6n, () => Promise.reject(new Error('mine'))));
    const later = access('later', 7n, Promise.resolve());
    const late = errorOf(access('too old', 6n, Promise.resolve()));
    expect(await gate.run('y', 1n, () => 'another resource')).toBe('another resource');
    expect(log).toEqual(['old begins']);
    finish();
    expect(await Promise.all([old, later])).toEqual(['old', 'later']);
    expect(await failing).toMatchObject({ message: 'mine' });
    expect(await late).toMatchObject({ code: 'STALE_FENCE' });
    expect(log).toEqual(['old begins', 'old ends', 'later begins', 'later ends']);
  });

  it('FENCE-1: with a memory of its own it goes on after a restart, and two of them agree', async () => {
    const kept = new Map<string, bigint>();
    const memory: FenceMemory = {
      async raise(resource, fence) {
        const highest = kept.get(resource) ?? 0n;
        if (fence > highest) kept.set(resource, fence);
        return fence > highest ? fence : highest;
      },
    };
    await new StoredFenceGate(memory).admit('x', 7n);
    const again = new StoredFenceGate(memory);
    await again.admit('x', 7n);
    await again.admit('y', 1n);
    expect(await errorOf(again.admit('x', 6n))).toMatchObject({ code: 'STALE_FENCE' });
    await again.admit('x', 8n);
  });

  it.each([undefined, 5, '5', 0n, -1n, 2n ** 63n])('FENCE-7: %s is no fence', async (bad) => {
    const gate = new FenceGate();
    const admit = gate.admit.bind(gate) as (resource: string, fence: unknown) => void;
    expect(() => admit('x', bad)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    const run = gate.run.bind(gate) as (resource: string, fence: unknown, work: () => void) => Promise<void>;
    const work = () => expect.unreachable();
    expect(await errorOf(run('x', bad, work))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each([0, -1, 1.5, Number.NaN])('FENCE-7: %s is no number of resources', (resourcesMax) => {
    expect(() => new FenceGate({ resourcesMax })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
