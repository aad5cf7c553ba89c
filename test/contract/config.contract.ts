import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { WatchedConfig } from '../../src/config/watched-config.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { untilShown } from '../support/until-shown.js';
import { recipes } from './recipe-fixture.js';

const schema = z.object({ rateLimit: z.number().positive(), tag: z.string().optional() });

function shows<T>(config: WatchedConfig<T>, wish: (value: unknown) => boolean): Promise<void> {
  return untilShown(config, () => wish(config.value));
}

function invalid<T>(config: WatchedConfig<T>): Promise<void> {
  return new Promise((resolve) => config.events.once('invalid', () => resolve()));
}

/** What configuration promises, whatever it stands on. */
export function configContract(backend: Backend): void {
  describe('configuration', () => {
    const open = recipes(backend);

    it('CONFIG-1, CONFIG-11: a txn is seen whole, by all, at one revision', async () => {
      const { process } = await open();
      const [writer, reader] = [await process(), await process()];
      await writer.config.setAll({ rateLimit: 1, tag: 'a' }, { prefix: 'app', schema });
      const config = await reader.config.watch({ prefix: 'app', schema });
      expect(config.value).toEqual({ rateLimit: 1, tag: 'a' });
      const changes = config.changes();
      const next = changes.next();
      const { revision } = await writer.config.setAll({ rateLimit: 2, tag: 'b' }, { prefix: 'app', schema });
      expect((await next).value).toMatchObject({ revision, current: { rateLimit: 2, tag: 'b' }, cause: 'watch' });
      await config.close();
    });

    it('CONFIG-2: what is invalid never gets out', async () => {
      const { process, opened } = await open();
      const conclave = await process();
      await conclave.config.set('rateLimit', 1, { prefix: 'app' });
      const config = await conclave.config.watch({ prefix: 'app', schema });
      const refused = invalid(config);
      await conclave.put(`${opened.prefix}config/app/rateLimit`, '-5');
      await refused;
      expect(config).toMatchObject({ status: 'invalid', value: { rateLimit: 1 } });
      await conclave.put(`${opened.prefix}config/app/rateLimit`, '5');
      await shows(config, (value) => (value as { rateLimit: number }).rateLimit === 5);
      expect(config).toMatchObject({ status: 'live', problem: undefined });
      await config.close();
    });

    it('CONFIG-12, CONFIG-15: conflicts are named, and a rollback is a new revision', async () => {
      const { process } = await open();
      const { config } = await process();
      const first = await config.compareAndSet('app/a', 1, { expectRevision: 0n });
      const second = await config.setAll({ 'app/a': 2, 'app/b': 2 });
      expect(await errorOf(config.compareAndSet('app/a', 3, { expectRevision: first.revision }))).toMatchObject({
        code: 'CONFLICT',
        conflict: { expected: first.revision, actual: second.revision },
      });
      const what = { prefix: 'app' } as const;
      expect(await config.diff(what, { from: first.revision })).toHaveLength(2);
      const back = await config.rollback(what, { toRevision: first.revision });
      expect(back.revision).toBeGreaterThan(second.revision);
      expect((await config.get('app/a'))?.value).toBe(1);
      expect(await config.get('app/b')).toBeNull();
      expect((await config.history(what)).map(({ key, value }) => [key, value])).toEqual([
        ['app/a', 1],
        ['app/b', undefined],
        ['app/a', 2],
        ['app/b', 2],
        ['app/a', 1],
      ]);
    });

    it('CONFIG-10, CONFIG-16: values at etcd’s size limit are shown, written over, and had back', async () => {
      const { process, opened } = await open();
      const conclave = await process();
      const config = await conclave.config.watch({ key: 'large' });
      // As large as etcdctl may write it: the next writer has no room to keep it.
      const foreign = await conclave.put(`${opened.prefix}config/large`, JSON.stringify('f'.repeat(1_400_000)));
      await shows(config, (value) => String(value).length === 1_400_000);
      const own = await conclave.config.set('large', 'o'.repeat(1_200_000));
      await shows(config, (value) => String(value).startsWith('o'));
      await conclave.config.rollback({ key: 'large' }, { toRevision: foreign.header.revision });
      await shows(config, (value) => String(value).startsWith('f'));
      const history = await conclave.config.history({ key: 'large' });
      expect(history.map(({ revision, omitted }) => [revision, omitted]).slice(1)).toEqual([
        [own.revision, true],
        [foreign.header.revision, true],
      ]);
      await config.close();
    });

    it('CONFIG-17, CONFIG-18: a rollout is seen by its audience, and who shows what by everybody', async () => {
      const { process, places } = await open();
      const [a, b] = [await process({ label: 'a' }), await process({ label: 'b' })];
      await a.config.set('limit', 1);
      const [one, two] = [
        await a.config.watch({ key: 'limit', report: true }),
        await b.config.watch({ key: 'limit', report: true }),
      ];
      await places('config-watchers/limit//', 2);
      await a.config.rollout('limit', { value: 2, instances: ['a'] });
      await shows(one, (value) => value === 2);
      expect(two.value).toBe(1);
      expect((await a.config.watchers({ key: 'limit' })).map(({ id }) => id)).toEqual(['a', 'b']);
      await b.config.promote('limit');
      await shows(two, (value) => value === 2);
      await one.close();
      await two.close();
      await places('config-watchers/limit//', 0);
    });

    it('CONFIG-4: goes on after the connections broke and the store came back', async () => {
      const { opened, process } = await open({ exclusive: true });
      const [writer, reader] = [await process(), await process()];
      await writer.config.set('limit', 1);
      const config = await reader.config.watch({ key: 'limit' });
      await opened.interrupt();
      expect(config.value).toBe(1);
      await writer.config.set('limit', 2);
      await shows(config, (value) => value === 2);
      await config.close();
    });
  });
}
