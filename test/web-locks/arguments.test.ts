import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineName, webLockName } from '../../src/web-locks/line-name.js';
import { errorOf, inWorld } from '../support/sim-world.js';

const unreached = () => expect.unreachable('the callback must not run');
const aborted = AbortSignal.abort('enough');
const live = new AbortController().signal;

describe('the arguments of locks.request', () => {
  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['a name alone', ['x']],
    ['a callback alone', [unreached]],
    ['null for a callback', ['x', null]],
    ['undefined for a callback', ['x', undefined]],
    ['an object for a callback', ['x', {}]],
    ['options and no callback', ['x', { mode: 'shared' }, undefined]],
    ['a number for options', ['x', 5, unreached]],
    ['text for options', ['x', 'shared', unreached]],
    ['a symbol for a name', [Symbol('x'), unreached]],
    ['an unknown mode', ['x', { mode: 'foo' }, unreached]],
    ['null for a mode', ['x', { mode: null }, unreached]],
    ['text for a signal', ['x', { signal: 'abort' }, unreached]],
    ['null for a signal', ['x', { signal: null }, unreached]],
    ['an object for a signal', ['x', { signal: {} }, unreached]],
    ['a wrong type beside a wrong name', ['-x', { mode: 'foo' }, unreached]],
  ])('WEBLOCKS-6: %s is a TypeError', (_, args) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const request = conclave.locks.request.bind(conclave.locks) as (...args: unknown[]) => Promise<unknown>;
      expect(await errorOf(request(...args))).toBeInstanceOf(TypeError);
      expect(store.total).toBe(0);
    }),
  );

  it.each<[string, string, object]>([
    ['a name that starts with "-"', '-', {}],
    ['another one', '-x', {}],
    ['steal with ifAvailable', 'x', { steal: true, ifAvailable: true }],
    ['steal of a shared lock', 'x', { steal: true, mode: 'shared' }],
    ['steal with a signal', 'x', { steal: true, signal: live }],
    ['ifAvailable with a signal', 'x', { ifAvailable: true, signal: live }],
    ['steal with a signal that has aborted', 'x', { steal: true, signal: aborted }],
    ['a bad name with a signal that has aborted', '-x', { signal: aborted }],
  ])('WEBLOCKS-6: %s is a NotSupportedError', (_, name, options) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const error = await errorOf(conclave.locks.request(name, options, unreached));
      expect(error).toBeInstanceOf(DOMException);
      expect(error).toMatchObject({ name: 'NotSupportedError' });
      expect(store.total).toBe(0);
    }),
  );

  it('WEBLOCKS-5: a signal that has aborted rejects with its reason, by default an AbortError', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const request = (signal: AbortSignal) => errorOf(conclave.locks.request('x', { signal }, unreached));
      expect(await request(aborted)).toBe('enough');
      expect(await request(AbortSignal.abort())).toMatchObject({ name: 'AbortError' });
      expect(store.total).toBe(0);
    }));

  it('WEBLOCKS-6: absent and null options, undefined members and names that are no text are converted', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const request = conclave.locks.request.bind(conclave.locks) as (...args: unknown[]) => Promise<unknown>;
      const shown = (lock: { name: string; mode: string }) => [lock.name, lock.mode];
      const empty = { mode: undefined, ifAvailable: undefined, steal: undefined, signal: undefined };
      for (const options of [undefined, null, {}, empty, () => {}]) {
        expect(await world.until(request('x', options, shown))).toEqual(['x', 'exclusive']);
      }
      expect(await world.until(request(undefined, shown))).toEqual(['undefined', 'exclusive']);
      expect(await world.until(request(7, { mode: 'shared' }, shown))).toEqual(['7', 'shared']);
      expect(await world.until(request('x', { ifAvailable: 'yes' }, shown))).toEqual(['x', 'exclusive']);
    }));
});

describe('names of lines', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.integer({ min: 0xd7fe, max: 0xe001 })).map((units) => String.fromCharCode(...units)),
    fc.constantFrom('', 'd800', '\ud800', '\udfff', 'a\ud800', '\ud83d\ude00'),
  );

  it('WEBLOCKS-7: are different for different names, survive UTF-8, and lead back', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        fc.pre(!a.startsWith('-') && !b.startsWith('-'));
        expect(webLockName(Buffer.from(lineName(a), 'utf8').toString('utf8'))).toBe(a);
        if (a !== b) expect(lineName(a)).not.toBe(lineName(b));
        expect(lineName(a)).not.toBe('');
      }),
      { numRuns: 2_000 },
    );
  });
});
