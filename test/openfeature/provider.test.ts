import { OpenFeature, ProviderEvents } from '@openfeature/server-sdk';
import { afterEach, describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import { ConclaveFlagProvider } from '../../src/openfeature/index.js';
import { putRaw, removeAll } from '../config/support/config-world.js';
import { inWorld } from '../support/sim-world.js';

const onOff = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' } as const;

afterEach(() => OpenFeature.close());

/** A connection with flags, and a client of OpenFeature over them. */
async function client(flags: Record<string, unknown>, rest: object = {}) {
  const conclave = await connect('memory:');
  await conclave.flags.import({ flags, ...rest } as Parameters<typeof conclave.flags.import>[0]);
  await OpenFeature.setProviderAndWait('test', new ConclaveFlagProvider(conclave));
  return { conclave, flags: OpenFeature.getClient('test') };
}

function next(event: ProviderEvents): Promise<{ flagsChanged?: string[] }> {
  return new Promise((resolve) => {
    const of = OpenFeature.getClient('test');
    const handler = (details?: unknown) => {
      of.removeHandler(event, handler);
      resolve((details ?? {}) as { flagsChanged?: string[] });
    };
    of.addHandler(event, handler);
  });
}

describe('the OpenFeature provider', () => {
  it('FLAGS-10: evaluates as flagd does, with its reasons and its errors', async () => {
    const number = { state: 'ENABLED', variants: { few: 1, many: 100 }, defaultVariant: 'few' };
    const { conclave, flags } = await client(
      {
        plain: onOff,
        off: { ...onOff, state: 'DISABLED' },
        mail: { ...onOff, targeting: { if: [{ ends_with: [{ var: 'email' }, '@x.org'] }, 'on', null] } },
        shared: { ...onOff, targeting: { if: [{ $ref: 'staff' }, 'on', 'off'] }, metadata: { owner: 'me' } },
        version: { ...number, targeting: { if: [{ sem_ver: [{ var: 'v' }, '>=', '2.0.0'] }, 'many', 'few'] } },
        object: { state: 'ENABLED', variants: { a: { deep: [1] } }, defaultVariant: 'a' },
        nobody: { state: 'ENABLED', variants: { on: true } },
        strange: { ...onOff, targeting: { no_such_operator: [1] } },
        ghost: { ...onOff, targeting: { if: [true, 'missing'] } },
        circle: { ...onOff, targeting: { $ref: 'loop' } },
        everybody: { ...onOff, targeting: { $ref: 'nothing' } },
      },
      {
        $evaluators: { staff: { '==': [{ var: 'team' }, 'core'] }, loop: { $ref: 'loop' }, nothing: null },
        metadata: { set: 's' },
      },
    );
    const boolean = async (key: string, context = {}, fallback = false) => {
      const { value, reason, variant, errorCode } = await flags.getBooleanDetails(key, fallback, context);
      return [value, variant, errorCode ?? reason];
    };
    expect(await boolean('plain')).toEqual([false, 'off', 'STATIC']);
    expect(await boolean('off', {}, true)).toEqual([true, undefined, 'DISABLED']);
    expect(await boolean('mail', { email: 'a@x.org' })).toEqual([true, 'on', 'TARGETING_MATCH']);
    expect(await boolean('mail', { email: 'a@y.org' })).toEqual([false, 'off', 'DEFAULT']);
    expect(await boolean('shared', { team: 'core' })).toEqual([true, 'on', 'TARGETING_MATCH']);
    expect(await boolean('nobody', {}, true)).toEqual([true, undefined, 'DEFAULT']);
    expect(await boolean('none')).toEqual([false, undefined, 'FLAG_NOT_FOUND']);
    expect(await boolean('strange')).toEqual([false, undefined, 'PARSE_ERROR']);
    expect(await boolean('ghost')).toEqual([false, undefined, 'GENERAL']);
    expect(await boolean('circle')).toEqual([false, undefined, 'PARSE_ERROR']);
    expect(await boolean('everybody')).toEqual([false, 'off', 'STATIC']);
    expect((await flags.getStringDetails('plain', 'x')).errorCode).toBe('TYPE_MISMATCH');
    expect(await flags.getNumberValue('version', 0, { v: '2.1.0' })).toBe(100);
    expect(await flags.getObjectValue('object', {})).toEqual({ deep: [1] });
    expect((await flags.getBooleanDetails('shared', false)).flagMetadata).toEqual({ set: 's', owner: 'me' });
    await conclave.close();
  });

  it('FLAGS-11: tells which flags have changed, also past this package, and serves the new values', async () => {
    const { conclave, flags } = await client({ a: onOff, b: onOff });
    const other: Conclave = conclave;
    const first = next(ProviderEvents.ConfigurationChanged);
    await other.flags.setDefault('a', 'on');
    expect((await first).flagsChanged).toEqual(['a']);
    expect([await flags.getBooleanValue('a', false), await flags.getBooleanValue('b', true)]).toEqual([true, false]);
    const second = next(ProviderEvents.ConfigurationChanged);
    await conclave.put('flags/b', JSON.stringify({ ...onOff, defaultVariant: 'on' }));
    expect((await second).flagsChanged).toEqual(['b']);
    expect(await flags.getBooleanValue('b', false)).toBe(true);
    const third = next(ProviderEvents.ConfigurationChanged);
    await conclave.put('flags/b', 'broken');
    await conclave.flags.delete('a');
    expect((await third).flagsChanged).toEqual(['a']);
    expect((await flags.getBooleanDetails('a', true)).errorCode).toBe('FLAG_NOT_FOUND');
    expect(await flags.getBooleanValue('b', false)).toBe(true);
    await OpenFeature.close();
    await conclave.close();
  });

  it('FLAGS-12: a percentage that grows drops nobody, and chosen keys come first', async () => {
    const { conclave, flags } = await client({ a: onOff });
    const keys = Array.from({ length: 1000 }, (_, i) => `user-${i}`);
    let before = new Set<string>();
    for (const percent of [0, 0.5, 5, 20, 60, 100]) {
      const changed = next(ProviderEvents.ConfigurationChanged);
      await conclave.flags.rollout('a', { variant: 'on', percent, keys: ['user-7'] });
      await changed;
      const now = new Set<string>();
      for (const targetingKey of keys) {
        if (await flags.getBooleanValue('a', false, { targetingKey })) now.add(targetingKey);
      }
      expect(now.has('user-7')).toBe(true);
      expect([...before].every((key) => now.has(key))).toBe(true);
      expect(Math.abs(now.size - percent * 10)).toBeLessThan(60);
      before = now;
    }
    expect(before.size).toBe(1000);
    await conclave.close();
  });

  it('FLAGS-13: STALE while the store is silent, with the last known good served; READY after it', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.flags.set('a', { ...onOff, defaultVariant: 'on' }));
      const provider = new ConclaveFlagProvider(conclave);
      await world.until(OpenFeature.setProviderAndWait('test', provider));
      const told: string[] = [];
      const of = OpenFeature.getClient('test');
      for (const event of [ProviderEvents.Stale, ProviderEvents.Ready, ProviderEvents.ConfigurationChanged]) {
        of.addHandler(event, () => told.push(event));
      }
      await world.settle();
      told.length = 0;
      store.partition();
      store.endWatches();
      await world.advance(20_000);
      expect(of.providerStatus).toBe('STALE');
      expect(await world.until(of.getBooleanValue('a', false))).toBe(true);
      const revision = await putRaw(world, { 'flags/a': JSON.stringify(onOff) });
      await world.truth.compact({ revision });
      store.heal();
      await world.advance(20_000);
      expect(of.providerStatus).toBe('READY');
      expect(told[0]).toBe(ProviderEvents.Stale);
      expect(told).toContain(ProviderEvents.ConfigurationChanged);
      expect(told).toContain(ProviderEvents.Ready);
      expect(await world.until(of.getBooleanValue('a', true))).toBe(false);
      await world.until(OpenFeature.close());
      expect(store.openWatches).toBe(0);
      await removeAll(world);
    }));

  it('FLAGS-13: a store that does not answer at the start is an ERROR, and READY when it does', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(world.client().conclave.flags.set('a', { ...onOff, defaultVariant: 'on' }));
      store.partition();
      const starting = OpenFeature.setProviderAndWait('test', new ConclaveFlagProvider(conclave));
      await expect(world.until(starting)).rejects.toMatchObject({ code: 'TIMEOUT' });
      const of = OpenFeature.getClient('test');
      expect(of.providerStatus).toBe('ERROR');
      // Nothing is known of any flag: that there is none of that name cannot be said.
      const details = of.getBooleanDetails('a', false);
      expect(await details).toMatchObject({ value: false, errorCode: 'PROVIDER_NOT_READY' });
      store.heal();
      await world.advance(10_000);
      expect(of.providerStatus).toBe('READY');
      expect(await world.until(of.getBooleanValue('a', false))).toBe(true);
      await world.until(OpenFeature.close());
      await removeAll(world);
    }));
});
