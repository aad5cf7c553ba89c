import { expect, it, vi } from 'vitest';
import { conclave, keysBelow } from './support/cli.js';
import { servedSuite } from './support/served-suite.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

const served = servedSuite();

const elect = (...args: string[]) => conclave(['elect', '--url', served.url, ...args]);

it.each(['SIGINT', 'SIGTERM'] as const)(
  'elect NAME VALUE: prints key and value, leads until %s, resigns',
  async (signal) => {
    await using leader = elect(`lead-${signal}`, 'me');
    const key = await leader.line();
    expect(await leader.line()).toBe('me');
    expect(await served.client.election(`lead-${signal}`).leader()).toMatchObject({ key, value: 'me' });
    leader.kill(signal);
    expect(await leader.ended()).toEqual({ code: 0, signal: null, stdout: `${key}\nme\n`, stderr: '' });
    expect(await served.client.election(`lead-${signal}`).leader()).toBeNull();
  },
);

it('elect: the next one leads when the first has gone; --listen sees each', async () => {
  await using listener = elect('-l', '/next');
  await using first = elect('/next', 'one', '--json');
  const { key, term } = JSON.parse(await first.line()) as { key: string; term: string };
  expect([await listener.line(), await listener.line()]).toEqual([key, 'one']);
  await using second = elect('/next', 'two', '--json');
  await keysBelow(served.client, '/next/', 2);
  first.kill('SIGKILL');
  await served.client.delete(key);
  const next = JSON.parse(await second.line()) as { key: string; value: string; term: string };
  expect(next.value).toBe('two');
  expect(BigInt(next.term)).toBeGreaterThan(BigInt(term));
  expect([await listener.line(), await listener.line()]).toEqual([next.key, 'two']);
  listener.kill('SIGINT');
  expect(await listener.ended()).toMatchObject({ code: 0, stderr: '' });
});

it('elect --listen --json: a line for each leader, null for nobody', async () => {
  await using listener = elect('--listen', 'rounds', '--json');
  expect(JSON.parse(await listener.line())).toBeNull();
  await using leader = elect('rounds', 'a "quoted" value');
  const key = await leader.line();
  const seen = JSON.parse(await listener.line()) as Record<string, unknown>;
  const { term, leaseId } = (await served.client.election('rounds').leader()) ?? {};
  expect(seen).toEqual({ key, value: 'a "quoted" value', term: term?.toString(), leaseId: leaseId?.toString() });
  leader.kill('SIGTERM');
  expect(JSON.parse(await listener.line())).toBeNull();
});

it('elect --listen: ends quietly when nobody reads its output any more', async () => {
  await using listener = elect('--listen', 'pipe', '--json');
  expect(await listener.line()).toBe('null');
  listener.child.stdout?.destroy();
  const leadership = await served.client.election('pipe').campaign('x');
  expect(await listener.ended()).toMatchObject({ code: 0, stderr: '' });
  await leadership.resign();
});

it('elect: exit code 76 when leadership is lost, 75 when --timeout has passed, 5 when interrupted', async () => {
  await using leader = elect('/codes', 'a');
  const key = await leader.line();
  expect(await elect('/codes', 'b', '--timeout', '1').ended()).toMatchObject({ code: 75, stdout: '' });
  await using waiting = elect('/codes', 'c');
  await keysBelow(served.client, '/codes/', 2);
  waiting.kill('SIGINT');
  expect(await waiting.ended()).toMatchObject({ code: 5, stdout: '' });
  await served.client.delete(key);
  const lost = await leader.ended();
  expect(lost.code).toBe(76);
  expect(lost.stderr).toMatch(/^conclave: leadership of "\/codes" was lost: .*\n$/);
});

it('elect --priority, --zone: a better candidate is preferred; elections ls and watch show them', async () => {
  await using watcher = conclave(['elections', 'watch', 'ranked', '--url', served.url]);
  expect(await watcher.line()).toBe('nobody leads');
  await using first = elect('ranked', 'first');
  await first.line();
  expect(await watcher.line()).toMatch(/^first leads in term \d+$/);
  await using _low = elect('ranked', 'low', '--priority', '1', '--zone', 'b');
  await keysBelow(served.client, 'elections/ranked/', 2);
  await using high = elect('ranked', 'high', '--priority', '-3', '--zone', 'a', '--prefer-zone', 'a');
  await keysBelow(served.client, 'elections/ranked/', 3);
  const listed = await conclave(['elections', 'ls', 'rank', '--url', served.url]).ended();
  expect(listed.stdout).toMatch(/^NAME +LEADER +TERM +RANK +LEASE +WAITING\nranked +first +\d+ +- +[0-9a-f]+ +2\n$/);
  first.kill('SIGINT');
  await high.line();
  expect(await high.line()).toBe('high');
  await vi.waitUntil(async () => (await watcher.line()).startsWith('high leads in term'));
  const json = await conclave(['elections', 'ls', '--json', '--url', served.url, 'ranked']).ended();
  expect(JSON.parse(json.stdout)).toMatchObject({
    name: 'ranked',
    leader: { value: 'high', priority: -3, zone: 'a', preferred: true },
    candidates: [{ value: 'low', priority: 1, zone: 'b', preferred: false }],
  });
  watcher.kill('SIGINT');
  expect(await watcher.ended()).toMatchObject({ code: 0, stderr: '' });
  expect(await elect('ranked', 'x', '--priority', '1.5').ended()).toMatchObject({ code: 3 });
});
