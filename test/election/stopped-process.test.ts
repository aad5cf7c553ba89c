import { expect, it, vi } from 'vitest';
import { builtPackage } from '../cli/support/built.js';
import { keysBelow } from '../cli/support/cli.js';
import { Program } from '../cli/support/program.js';
import { servedSuite } from '../cli/support/served-suite.js';

// Whole processes, and a time to live that must pass.
vi.setConfig({ testTimeout: 60_000 });

const served = servedSuite();

/** Leads when it can, and says at every turn of its loop whether it does; a line is `<wall clock> <held>`. */
const script = `
  const { connect } = await import(process.argv[1] + '/dist/index.js');
  const conclave = await connect(process.argv[2], { ttlMs: 2000 });
  const leadership = await conclave.election('stopped').campaign(process.argv[3]);
  console.log('leads ' + leadership.term);
  const say = () => {
    const held = leadership.held;
    console.log(Date.now() + ' ' + held + ' ' + (leadership.signal.reason?.code ?? ''));
    if (held) setTimeout(say, 10);
    else void conclave.close();
  };
  say();
`;

function candidate(value: string): Program {
  const args = ['--input-type=module', '-e', script, builtPackage(), served.url, value];
  return new Program(process.execPath, args);
}

it('ELECTION-1: a leader stopped for longer than its TTL knows at its first look that it lost', async () => {
  await using first = candidate('a');
  const [, term] = (await first.line()).split(' ');
  await using second = candidate('b');
  await keysBelow(served.client, 'elections/stopped/', 2);
  await using third = candidate('c');
  await keysBelow(served.client, 'elections/stopped/', 3);
  expect(await first.line()).toContain('true');
  first.kill('SIGSTOP');
  // The next one leads when the lease of the first is over.
  const [, nextTerm] = (await second.line()).split(' ');
  const leadsSinceMs = Date.now();
  expect(BigInt(nextTerm ?? 0)).toBeGreaterThan(BigInt(term ?? 0));
  first.kill('SIGCONT');
  const { stdout, code } = await first.ended();
  const looks = stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(' '));
  const after = looks.filter(([atMs]) => Number(atMs) >= leadsSinceMs);
  expect(looks.length).toBeGreaterThan(1);
  expect(after).toHaveLength(1);
  expect(after[0]?.[1]).toBe('false');
  expect(code).toBe(0);
  expect((await served.client.election('stopped').leader())?.value).toBe('b');
  second.kill('SIGKILL');
  expect((await third.line()).startsWith('leads ')).toBe(true);
});
