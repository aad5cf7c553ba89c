import { expect, it, vi } from 'vitest';
import { conclave } from './support/cli.js';
import { servedSuite } from './support/served-suite.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

const served = servedSuite();

const counter = (...args: string[]) => conclave(['counter', '--url', served.url, ...args]).ended();

it('counter: adds, sets, reads and draws 64-bit numbers; 3 beyond them, 77 when --if does not hold', async () => {
  expect(await counter('add', 'c')).toMatchObject({ code: 0, stdout: '1\n' });
  expect(await counter('set', 'c', '9223372036854775807', '--json')).toMatchObject({
    stdout: '{"name":"c","value":"1"}\n',
  });
  expect(await counter('add', 'c', '5')).toMatchObject({ code: 3, stdout: '' });
  expect(await counter('set', 'c', '7', '--if', '8')).toMatchObject({ code: 77, stdout: '' });
  expect(await counter('next', 'ids', '--count', '3')).toMatchObject({ code: 0, stdout: '1\n2\n3\n' });
  expect(await served.client.sequence('ids').next()).toBe(4n);
  expect(await counter('delete', 'c')).toMatchObject({ code: 0, stdout: '9223372036854775807\n' });
  expect(await counter('get', 'c')).toMatchObject({ code: 0, stdout: '0\n' });
});

it('counter delete: takes away a key that holds no number, and says so', async () => {
  await served.client.put('counters/c/value', 'seven');
  expect(await counter('get', 'c')).toMatchObject({ code: 3, stdout: '' });
  expect(await counter('delete', 'c')).toMatchObject({
    ...{ code: 0, stdout: '', stderr: 'conclave: counters/c/value holds no whole number\n' },
  });
  expect(await served.client.get('counters/c/value')).toBeNull();
  await served.client.put('counters/c/value', `${2n ** 64n}`);
  expect(await counter('delete', 'c', '--json')).toMatchObject({ code: 0, stdout: '{"name":"c","value":null}\n' });
  expect(await counter('add', 'c')).toMatchObject({ code: 0, stdout: '1\n' });
});
