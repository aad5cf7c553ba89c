import { describe, expect, it, vi } from 'vitest';
import { conclave, keysBelow, serve } from './support/cli.js';
import { nodeCommand } from './support/scripts.js';
import { servedSuite } from './support/served-suite.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

const served = servedSuite();

const lock = (...args: string[]) => conclave(['lock', '--url', served.url, ...args]);
const holder = async (name: string) => (await served.client.inspectLock(name)).holder;

describe('conclave lock NAME', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'prints key and empty value, holds until %s, releases',
    async (signal) => {
      await using held = lock(`hold-${signal}`);
      const key = await held.line();
      expect(key).toMatch(/^locks\/hold-SIG[A-Z]+\/[0-9a-f]+\.[0-9a-f]{16}$/);
      expect((await holder(`hold-${signal}`))?.key).toBe(key);
      held.kill(signal);
      expect(await held.ended()).toEqual({ code: 0, signal: null, stdout: `${key}\n\n`, stderr: '' });
      expect(await holder(`hold-${signal}`)).toBeNull();
    },
  );

  it('--json: one line, int64 as text', async () => {
    await using held = lock('json', '--json');
    const line = JSON.parse(await held.line()) as Record<string, string>;
    const now = await holder('json');
    expect(line).toEqual({
      name: 'json',
      key: now?.key,
      fence: now?.fence.toString(),
      leaseId: now?.leaseId.toString(),
    });
  });

  it('exits with 76 when the lock is lost', async () => {
    await using held = lock('lost');
    await served.client.delete(await held.line());
    const { code, stderr } = await held.ended();
    expect(code).toBe(76);
    expect(stderr).toMatch(/^conclave: lock "lost" was lost: .*\n$/);
  });

  it('interrupted while it waits: exit code 5, and its place is gone', async () => {
    await using first = lock('/busy');
    await first.line();
    await using second = lock('/busy');
    await keysBelow(served.client, '/busy/', 2);
    second.kill('SIGTERM');
    expect(await second.ended()).toMatchObject({ code: 5, stdout: '', stderr: 'conclave: interrupted by SIGTERM\n' });
    expect(await keysBelow(served.client, '/busy/', 1)).toHaveLength(1);
  });

  it.each([
    ['/try', '--try'],
    ['/timeout', '--timeout', '1'],
    ['/duration', '--timeout', '0.001s'],
  ])('%s %s: somebody else has it, exit code 75', async (name, ...flags) => {
    await using first = lock(name);
    await first.line();
    const second = await lock(name, ...flags, '--', 'echo', 'ran').ended();
    expect(second).toMatchObject({ code: 75, stdout: '' });
    expect(second.stderr).toContain(`conclave: lock "${name}" is held by somebody else`);
    expect(await keysBelow(served.client, `${name}/`, 1)).toHaveLength(1);
  });
});

describe('conclave lock NAME -- command', () => {
  it('runs it with the key and the fence, and lets go', async () => {
    const script = 'echo $ETCD_LOCK_KEY $ETCD_LOCK_REV $CONCLAVE_LOCK_FENCE; cat';
    await using running = lock('env', '--', 'sh', '-c', script);
    const [key, revision, fence] = (await running.line()).split(' ');
    const now = await holder('env');
    expect({ key, revision, fence }).toEqual({
      key: now?.key,
      revision: now?.fence.toString(),
      fence: now?.fence.toString(),
    });
    running.child.stdin?.end('through stdin\n');
    expect(await running.line()).toBe('through stdin');
    expect(await running.ended()).toMatchObject({ code: 0, stderr: '' });
    expect(await holder('env')).toBeNull();
  });

  it('takes it without -- as etcdctl does, and leaves flags after -- to it', async () => {
    expect(await lock('plain', 'echo', 'a').ended()).toMatchObject({ code: 0, stdout: 'a\n' });
    const echo = ['node', '-p', 'process.argv.slice(1).join()', '--', '--json', '--ttl', '--', '--url'];
    expect(await lock('flags', '--ttl', '5', '--', ...echo).ended()).toMatchObject({
      stdout: '--json,--ttl,--,--url\n',
    });
    expect(await lock('flags', '--', ...echo).ended()).toMatchObject({ stdout: '--json,--ttl,--,--url\n' });
  });

  it.each([
    ['exit 7', 7],
    ['exit 0', 0],
    ['kill -9 $$', 137],
    ['kill -15 $$', 143],
  ])('%s: exits with its code, 128 + n for signals', async (script, code) => {
    expect(await lock('code', '--', 'sh', '-c', script).ended()).toMatchObject({ code, stderr: '' });
    expect(await holder('code')).toBeNull();
  });

  it('127 and 126 for what is not there or cannot be run, as a shell has it; the lock is free again', async () => {
    const missing = await lock('nothing', '--', 'no-such-command').ended();
    expect(missing).toMatchObject({ code: 127, stderr: 'conclave: cannot run no-such-command: no such command\n' });
    expect(await lock('nothing', '--', '/etc/passwd').ended()).toMatchObject({ code: 126 });
    expect(await holder('nothing')).toBeNull();
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('hands %s on and holds until the command has ended', async (signal) => {
    const name = `forward-${signal}`;
    const onSignal = `process.on('${signal}', () => console.log('got it'))`;
    const onEnd = `process.stdin.on('end', () => process.exit(9))`;
    await using running = lock(name, '--', ...nodeCommand(`${onSignal}; ${onEnd}`));
    expect(await running.line()).toBe('inside');
    running.kill(signal);
    expect(await running.line()).toBe('got it');
    expect(await holder(name)).not.toBeNull();
    running.child.stdin?.end();
    expect(await running.ended()).toMatchObject({ code: 9, stderr: '' });
    expect(await holder(name)).toBeNull();
  });

  it('reaches what a shell has started with its signals', async () => {
    const command = nodeCommand(`process.on('SIGTERM', () => { console.log('asked'); process.exit(); })`);
    await using running = lock('shell', '--', 'sh', '-c', '"$@"; exit 5', 'sh', ...command);
    await running.line();
    running.kill('SIGTERM');
    expect(await running.ended()).toMatchObject({ code: 143, stdout: 'inside\nasked\n' });
  });
});

describe('a lock that is lost under its command', () => {
  const onTerm = (then: string) => `process.on('SIGTERM', () => { console.log('asked'); ${then} })`;

  it('asks the command to end: SIGTERM, and nothing more when it obeys', async () => {
    const command = nodeCommand(onTerm('process.exit(0)'));
    await using running = lock('obeys', '--kill-after', '1h', '--', ...command);
    await running.line();
    await served.client.delete((await holder('obeys'))?.key ?? '');
    const { code, stdout, stderr } = await running.ended();
    expect({ code, stdout }).toEqual({ code: 76, stdout: 'inside\nasked\n' });
    expect(stderr).toMatch(/^conclave: lock "obeys" was lost: .*\n$/);
  });

  it('kills a command that does not, after --kill-after', async () => {
    await using running = lock('ignores', '--kill-after', '100', '--', ...nodeCommand(onTerm('')));
    await running.line();
    await served.client.delete((await holder('ignores'))?.key ?? '');
    expect(await running.ended()).toMatchObject({ code: 76, stdout: 'inside\nasked\n' });
  });

  it('also what the command has started, when the command itself is gone', async () => {
    const words = ['sh', '-c', '"$@" & wait', 'sh', ...nodeCommand(`${onTerm('')}; setInterval(() => {}, 1e6)`)];
    await using running = lock('orphan', '--kill-after', '100', '--', ...words);
    await running.line();
    await served.client.delete((await holder('orphan'))?.key ?? '');
    expect(await running.ended()).toMatchObject({ code: 76, stdout: 'inside\nasked\n' });
  });

  it('when the server is gone for the time to live', async () => {
    await using own = await serve();
    const command = nodeCommand(onTerm('process.exit(0)'));
    await using running = conclave(['lock', '--url', own.url, '--ttl', '1', 'x', '--', ...command]);
    await running.line();
    own.server.kill('SIGKILL');
    expect(await running.ended()).toMatchObject({ code: 76, stdout: 'inside\nasked\n' });
  });
});
