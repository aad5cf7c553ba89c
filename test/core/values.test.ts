import { describe, expect, it } from 'vitest';
import { compareBytes, latin1, prefixEnd, sameBytes, utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { elapsedMs, randomHex, randomInt63 } from '../../src/core/runtime.js';
import { Scope } from '../../src/core/scope.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { errorOf } from '../support/sim-world.js';

describe('bytes', () => {
  it.each([
    ['a', 'b'],
    ['a/', 'a0'],
    ['a\u007f', 'a\u0080'],
  ])('prefixEnd(%j)', (prefix, end) => {
    expect(latin1(prefixEnd(Buffer.from(prefix, 'latin1')))).toBe(end);
  });

  it('prefixEnd() drops 0xff at the end, and knows that nothing is behind it alone', () => {
    expect([...prefixEnd(new Uint8Array([1, 0xff, 0xff]))]).toEqual([2]);
    expect([...prefixEnd(new Uint8Array([0xff]))]).toEqual([0]);
    expect([...prefixEnd(new Uint8Array())]).toEqual([0]);
  });

  it('prefixEnd() does not write to what it is given', () => {
    const prefix = utf8('a');
    prefixEnd(prefix);
    expect(prefix).toEqual(utf8('a'));
  });

  it('are compared unsigned', () => {
    expect(compareBytes(new Uint8Array([0x80]), new Uint8Array([0x7f]))).toBeGreaterThan(0);
    expect(sameBytes(utf8('a'), utf8('a'))).toBe(true);
    expect(sameBytes(utf8('a'), utf8('ab'))).toBe(false);
  });
});

describe('elapsedMs()', () => {
  it('is what the clock says that moved most, and never less than nothing', async () => {
    const sim = new SimRuntime();
    const earlier = sim.clocks();
    await sim.advance(100);
    expect(elapsedMs(sim, earlier)).toBe(100);
    sim.jumpWall(-10_000);
    expect(elapsedMs(sim, earlier)).toBe(100);
    sim.suspend(5_000);
    expect(elapsedMs(sim, earlier)).toBe(5_100);
    sim.jumpWall(60_000);
    expect(elapsedMs(sim, earlier)).toBe(55_100);
    expect(elapsedMs(sim, { monotonicMs: 1e9, bootMs: 1e9, wallMs: 1e15 })).toBe(0);
  });
});

describe('chance', () => {
  it('gives hex of 16 digits and ids that are positive int63', () => {
    const sim = new SimRuntime();
    for (let i = 0; i < 200; i++) {
      expect(randomHex(sim)).toMatch(/^[0-9a-f]{16}$/);
      const id = randomInt63(sim);
      expect(id > 0n && id < 1n << 63n).toBe(true);
    }
    expect(
      randomInt63({ ...sim, clocks: () => sim.clocks(), randomBytes: (n) => new Uint8Array(n) } as SimRuntime),
    ).toBe(1n);
  });
});

describe('ConclaveError', () => {
  it('may be retried when the store could not be asked, and not otherwise', () => {
    expect(new ConclaveError('UNAVAILABLE', 'x')).toMatchObject({ retryable: true, outcome: 'not-applied' });
    expect(new ConclaveError('LOST', 'x', { loss: 'key-deleted' })).toMatchObject({
      retryable: false,
      loss: 'key-deleted',
    });
  });

  it('knows its own, also from another copy of the package, and their codes', () => {
    const error = new ConclaveError('LOST', 'x');
    expect([ConclaveError.is(error), ConclaveError.is(error, 'LOST'), ConclaveError.is(error, 'CLOSED')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(ConclaveError.is({ [Symbol.for('conclave.error')]: true, code: 'LOST' }, 'LOST')).toBe(true);
    for (const other of [undefined, null, 'LOST', new Error('LOST')]) expect(ConclaveError.is(other)).toBe(false);
  });

  it('never hides what was thrown', () => {
    const cause = new TypeError('mine');
    expect(ConclaveError.from(cause)).toMatchObject({ code: 'INTERNAL', message: 'mine', cause, outcome: 'unknown' });
    expect(ConclaveError.from('text')).toMatchObject({ message: 'text' });
    const own = new ConclaveError('LOST', 'x');
    expect(ConclaveError.from(own)).toBe(own);
  });
});

describe('Scope', () => {
  it('gives back in reverse order, past failures, once, and rejects with the first failure', async () => {
    const scope = new Scope();
    const order: number[] = [];
    scope.add(() => order.push(1));
    scope.add(async () => {
      order.push(2);
      throw new Error('two');
    });
    const taken = scope.add(() => order.push(3));
    scope.add(() => {
      order.push(4);
      throw new Error('four');
    });
    taken();
    expect(await errorOf(scope.close())).toEqual(new Error('four'));
    expect(await errorOf(scope.close())).toEqual(new Error('four'));
    expect(order).toEqual([4, 2, 1]);
    expect(() => scope.add(() => {})).toThrow('closed');
  });
});
