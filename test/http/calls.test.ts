import { Agent, fetch as undiciFetch } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RetryOptions } from '../../src/http/attempts.js';
import { type ServiceFetch, serviceFetch } from '../../src/http/service-fetch.js';
import { serviceInterceptor } from '../../src/http/service-interceptor.js';
import type { Discovery } from '../../src/registry/discovery.js';
import { errorOf } from '../support/sim-world.js';
import { WebService } from './web-service.js';

const ways: Record<string, (discovery: Discovery, options?: RetryOptions) => ServiceFetch> = {
  serviceFetch,
  serviceInterceptor: (discovery, options) => {
    const dispatcher = new Agent().compose(serviceInterceptor(discovery, options));
    return async (path, init) =>
      (await undiciFetch(`http://web${path}`, { ...init, dispatcher } as object)) as unknown as Response;
  },
};

for (const [name, way] of Object.entries(ways)) {
  describe(name, () => {
    let service: WebService;
    beforeEach(() => {
      service = new WebService();
    });
    afterEach(() => service.scope.close());

    it('spreads calls, below the path that an instance registered', async () => {
      const a = await service.join('a');
      const b = await service.join('b', () => 200, '/api');
      const call = way(await service.discover(2));
      const answers = [await text(call('/users?x=1')), await text(call('/users?x=1'))];
      expect(answers.sort()).toEqual(['a', 'b']);
      expect([a.seen, b.seen]).toEqual([['GET /users?x=1 '], ['GET /api/users?x=1 ']]);
    });

    it('tries another when one cannot be reached, whatever the method: nothing was sent', async () => {
      await service.ghost('a');
      const { seen } = await service.join('b');
      const call = way(await service.discover(2));
      for (const body of ['1', '2']) expect(await text(call('/', { method: 'POST', body }))).toBe('b');
      expect(seen).toEqual(['POST / 1', 'POST / 2']);
    });

    it.each(['unix:/run/web.sock', 'grpc://127.0.0.1:80', 'no host:80'])(
      'tries another, whatever the method, when one listens on %s, and counts it as a failure',
      async (address) => {
        await service.strange('a', address);
        await service.join('b');
        const discovery = await service.discover(2);
        const outcomes: unknown[] = [];
        const pick = discovery.pick.bind(discovery);
        discovery.pick = (options) => {
          const picked = pick(options);
          return { ...picked, done: (error) => outcomes.push([picked.instance.id, error !== undefined]) };
        };
        const call = way(discovery);
        for (const body of ['1', '2']) expect(await text(call('/', { method: 'POST', body }))).toBe('b');
        const [failed] = outcomes.filter((each) => (each as unknown[])[0] === 'a');
        expect(failed).toEqual(['a', true]);
        const alone = new WebService();
        await alone.strange('a', address);
        await expect(way(await alone.discover(1))('/')).rejects.toBeInstanceOf(Error);
        await alone.scope.close();
      },
    );

    it('returns the last answer when the next one listens where nobody can call', async () => {
      await service.join('a', () => 503);
      await service.strange('b', 'unix:/run/web.sock');
      const call = way(await service.discover(2), { retries: 1 });
      for (const _ of [1, 2]) expect((await call('/')).status).toBe(503);
    });

    it('tries another when a connection breaks, for methods that may be repeated', async () => {
      const a = await service.join('a', () => 'reset');
      const b = await service.join('b');
      const call = way(await service.discover(2));
      for (const _ of [1, 2]) expect(await text(call('/'))).toBe('b');
      const post = () =>
        call('/', { method: 'POST' }).then(
          ({ status }) => status,
          (error: unknown) => error,
        );
      const posts = [await post(), await post()];
      expect(posts.filter((each) => each === 200)).toHaveLength(1);
      expect(posts.filter((each) => each instanceof TypeError)).toHaveLength(1);
      expect(a.seen.filter((each) => each.startsWith('POST')).length).toBe(1);
      expect(b.seen.filter((each) => each.startsWith('POST')).length).toBe(1);
    });

    it('tries another after a 503, for methods that may be repeated', async () => {
      const a = await service.join('a', () => 503);
      await service.join('b');
      const call = way(await service.discover(2));
      expect([(await call('/')).status, (await call('/')).status]).toEqual([200, 200]);
      const post = [(await call('/', { method: 'POST' })).status, (await call('/', { method: 'POST' })).status];
      expect(post.sort()).toEqual([200, 503]);
      expect(a.seen.length).toBeGreaterThan(0);
    });

    it('returns the last answer when every instance fails', async () => {
      for (const id of ['a', 'b']) await service.join(id, () => 503);
      const answer = await way(await service.discover(2))('/');
      expect(answer.status).toBe(503);
    });

    it('tries no more than it was told', async () => {
      const members = await Promise.all(['a', 'b', 'c'].map((id) => service.join(id, () => 'reset')));
      const call = way(await service.discover(3), { retries: 1 });
      expect(await errorOf(call('/'))).toBeInstanceOf(TypeError);
      expect(members.flatMap(({ seen }) => seen)).toHaveLength(2);
    });

    it('sends a stream once', async () => {
      const members = await Promise.all(['a', 'b'].map((id) => service.join(id, () => 'reset')));
      const call = way(await service.discover(2));
      const body = new Blob(['streamed']).stream();
      const init = { method: 'PUT', body, duplex: 'half' } as RequestInit;
      expect(await errorOf(call('/', init))).toBeInstanceOf(TypeError);
      expect(members.flatMap(({ seen }) => seen)).toHaveLength(1);
    });

    it('says so when there is no instance', async () => {
      const error = await errorOf(way(await service.discover(0))('/'));
      const reason = error instanceof TypeError ? error.cause : error;
      expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
    });

    it('an abort ends the call and is no failure of the instance', async () => {
      const { seen } = await service.join('a', () => 'reset');
      const discovery = await service.discover(1);
      const aborts = new AbortController();
      aborts.abort(new Error('enough'));
      expect(await errorOf(way(discovery)('/', { signal: aborts.signal }))).toMatchObject({ message: 'enough' });
      expect(seen).toEqual([]);
    });
  });
}

async function text(response: Promise<Response>): Promise<string> {
  return (await response).text();
}
