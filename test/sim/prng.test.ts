import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/sim/prng.js';

describe('Prng', () => {
  it('gives the sequence it always gave', () => {
    const random = new Prng(1);
    expect([random.uint32(), random.uint32(), random.uint32(), random.uint32()]).toMatchInlineSnapshot(`
      [
        2420951833,
        2513034076,
        3847892949,
        4064752930,
      ]
    `);
  });

  it('spreads evenly over its range', () => {
    const random = new Prng(5);
    const counts = new Array<number>(16).fill(0);
    for (let draw = 0; draw < 16_000; draw++) {
      const bucket = random.below(16);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    // 1000 expected, standard deviation 31: five of them.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(155);
  });

  it('stays within the bounds asked for', () => {
    const random = new Prng(9);
    for (let draw = 0; draw < 1000; draw++) {
      const number = random.between(3, 4);
      expect(number >= 3 && number < 4).toBe(true);
      expect(['x', 'y']).toContain(random.pick(['x', 'y']));
    }
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
    expect(() => random.pick([])).toThrow(RangeError);
  });

  it('forks a sequence that does not depend on how much the parent draws later', () => {
    const one = new Prng(3);
    const two = new Prng(3);
    const forkOne = one.fork();
    const forkTwo = two.fork();
    one.uint32();
    expect(forkOne.bytes(8)).toEqual(forkTwo.bytes(8));
    expect(new Prng(3).fork().bytes(8)).not.toEqual(new Prng(3).bytes(8));
  });
});
