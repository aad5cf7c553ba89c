import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtCli, builtPackage } from '../cli/support/built.js';
import { Program } from '../cli/support/program.js';

const timeoutMs = 90_000;

function demo(...args: string[]): Program {
  return new Program(process.execPath, [join(builtPackage(), 'examples/demo/start.js'), ...args]);
}

it('plays to the end: every promise holds, exit code 0', { timeout: timeoutMs }, async () => {
  await using running = demo('--turns=30');
  const { code, stdout, stderr } = await running.ended();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  // Without a terminal it wraps at 80 columns.
  const told = stdout.replaceAll(/\n {10}(?!holds|BROKEN)(?=\S)/g, ' ');
  const [, first, term] = /(\w+) leads, term (\d+)\n/.exec(told) ?? [];
  const [, second, nextTerm] = /(\w+) leads, term (\d+): \d\.\d s after the kill, time to live 3 s/.exec(told) ?? [];
  expect(told).toContain(`${first} is killed with SIGKILL: leader, and inside the lock, fence `);
  expect(second).not.toBe(first);
  expect(Number(nextTerm)).toBeGreaterThan(Number(term));
  expect(told.match(/^ +holds /gm)).toHaveLength(4);
  const [, counter, increments] = /the counter is (\d+) after (\d+) acknowledged increments/.exec(told) ?? [];
  expect(counter).toBe(increments);
  expect(Number(counter)).toBeGreaterThanOrEqual(90);
  // No terminal, no colours.
  expect(stdout).not.toContain('\u001b');
});

it('--break=overlap: the verdict notices, exit code 1', { timeout: timeoutMs }, async () => {
  await using running = demo('--turns=30', '--break=overlap');
  const { code, stdout } = await running.ended();
  expect(code).toBe(1);
  expect(stdout).toMatch(/BROKEN {2}the counter is \d+ after \d+ acknowledged increments/);
  expect(stdout).toMatch(/BROKEN {2}[1-9]\d* times were two inside at once/);
  expect(stdout).toMatch(/holds {3}\d+ terms, one leader each/);
});

it('--keep: serves on until a signal', { timeout: timeoutMs }, async () => {
  await using running = demo('--turns=5', '--keep');
  let url: string | undefined;
  // Bounded by the demo's own end.
  while (url === undefined) url = /conclave lock demo --url (\S+)/.exec(await running.line())?.[1];
  const held = new Program(process.execPath, [builtCli(), 'lock', 'x', '--url', url, 'echo', 'ran']);
  expect(await held.ended()).toMatchObject({ code: 0, stdout: 'ran\n' });
  running.kill('SIGINT');
  expect(await running.ended()).toMatchObject({ code: 0, stderr: '' });
});

it('killed in the middle: the server does not outlive it', { timeout: timeoutMs }, async () => {
  await using running = demo();
  const [, url] = /listens on (\S+)/.exec(await running.line()) ?? [];
  running.kill('SIGKILL');
  // Ends when nobody has its stdout any more: the workers are gone, too, and the server had its stderr.
  await running.ended();
  await expect(fetch(`${url}/health`)).rejects.toThrow();
});

it('a signal in the middle ends everything', { timeout: timeoutMs }, async () => {
  await using running = demo();
  const [, url] = /listens on (\S+)/.exec(await running.line()) ?? [];
  await running.line();
  running.kill('SIGTERM');
  expect(await running.ended()).toMatchObject({ code: 130, stderr: '' });
  await expect(fetch(`${url}/health`)).rejects.toThrow();
});
