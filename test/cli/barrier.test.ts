import { expect, it, vi } from 'vitest';
import { conclave, keysBelow } from './support/cli.js';
import { servedSuite } from './support/served-suite.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

const served = servedSuite();

const barrier = (...args: string[]) => conclave(['barrier', '--url', served.url, ...args]);

it('barrier raise, wait, lift: whoever waits goes on when it is lifted, 75 when --timeout has passed', async () => {
  expect(await barrier('raise', 'gate').ended()).toMatchObject({ code: 0, stdout: 'raised\n' });
  expect(await barrier('wait', 'gate', '--timeout', '1').ended()).toMatchObject({ code: 75, stdout: '' });
  await using waiting = barrier('wait', 'gate');
  expect(await served.client.barrier('gate').lift()).toBe(true);
  expect(await waiting.ended()).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(await barrier('lift', 'gate', '--json').ended()).toMatchObject({
    stdout: '{"name":"gate","changed":false}\n',
  });
});

it('barrier wait --parties: both go on, and one is told that it came first', async () => {
  await using first = barrier('wait', 'meet', '--parties', '2');
  await keysBelow(served.client, 'cyclic-barriers/meet/parties/', 1);
  expect(await barrier('wait', 'meet', '--parties', '3').ended()).toMatchObject({ code: 3, stdout: '' });
  const second = await barrier('wait', 'meet', '--parties', '2').ended();
  const places = [(await first.ended()).stdout, second.stdout];
  expect(places.sort()).toEqual(['0\n', '1\n']);
});
