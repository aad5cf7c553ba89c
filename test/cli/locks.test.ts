import { hostname } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/index.js';
import { freePorts } from '../support/etcd/free-ports.js';
import { conclave, keysBelow, serve } from './support/cli.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

describe('conclave locks', () => {
  it('ls and inspect show holder and waiters as table and JSON; break takes it from the fence named', async () => {
    await using serving = await serve();
    const url = serving.url;
    await using client = await connect(url);
    await using first = conclave(['lock', 'x', '--url', url, '--json']);
    const { fence } = JSON.parse(await first.line()) as { fence: string };
    await using second = conclave(['lock', 'x', '--url', url, '--json']);
    await keysBelow(client, 'locks/x/', 2);
    const owner = `${hostname()}#`;

    const ls = await conclave(['locks', 'ls', '--url', url]).ended();
    expect(ls).toMatchObject({ code: 0, stderr: '' });
    expect(ls.stdout).toMatch(
      new RegExp(`^NAME +TYPE +HOLD +HOLDER +LABEL +FENCE +AGE +WAIT\\nx +lock +1  ${owner}\\d+ .* 1\\n$`),
    );
    const lsJson = await conclave(['locks', 'ls', 'x', '--url', url, '--json']).ended();
    expect(JSON.parse(lsJson.stdout)).toMatchObject({ name: 'x', type: 'lock', waiters: 1, holder: { fence } });
    expect((await conclave(['locks', 'ls', 'y', '--url', url, '--json']).ended()).stdout).toBe('');

    const inspect = await conclave(['locks', 'inspect', 'x', '--url', url]).ended();
    expect(inspect.stdout).toMatch(
      new RegExp(`\\nholds, writes +${owner}\\d+ .* 10s +\\d+s\\nwaits, writes +${owner}\\d+ `),
    );
    const state = await conclave(['locks', 'inspect', 'x', '--url', url, '--json']).ended();
    expect(JSON.parse(state.stdout)).toMatchObject({ name: 'x', holder: { fence }, waiters: [{}] });

    const stale = ['locks', 'break', 'x', '--if-fence', `${BigInt(fence) + 1n}`, '--url', url];
    const refused = await conclave(stale).ended();
    expect(refused).toMatchObject({ code: 77, stdout: '' });
    expect(refused.stderr).toMatch(/^conclave: lock "x": nobody holds it with fence \d+, nothing was broken\n$/);
    const broken = await conclave(['locks', 'break', 'x', '--if-fence', fence, '--url', url, '--json']).ended();
    expect(broken).toMatchObject({ code: 0, stdout: `{"name":"x","fence":"${fence}","broken":true}\n` });
    expect(JSON.parse(await second.line())).toMatchObject({ name: 'x' });
    const ended = await first.ended();
    expect(ended.code).toBe(76);
    expect(ended.stderr).toContain('its key was deleted');
  });

  it('graph shows who waits for whom, and ends with 78 when it is a deadlock', async () => {
    await using serving = await serve();
    const url = serving.url;
    await using a = await connect(url, { label: 'ada' });
    await using b = await connect(url, { label: 'bob' });
    const graph = (...args: string[]) => conclave(['locks', 'graph', ...args, '--url', url]).ended();
    expect(await graph()).toMatchObject({ code: 0, stderr: '' });
    // Both are this process, which is one party; on leases alone they are two, as places of Go are.
    const [first, second] = [a.session, b.session];
    await Promise.all([first.open(), second.open()]);
    await a.put('locks/x/1', '', { leaseId: first.leaseId });
    await a.put('locks/y/2', '', { leaseId: second.leaseId });
    await a.put('locks/y/3', '', { leaseId: first.leaseId });
    expect((await graph('--json')).code).toBe(0);
    await a.put('locks/x/4', '', { leaseId: second.leaseId });

    const found = await graph();
    expect(found).toMatchObject({ code: 78, stderr: '' });
    const [headings, , , deadlock] = found.stdout.split('\n');
    expect(headings).toMatch(/^WAITER +WAITS FOR +HELD BY +LABEL +FENCE$/);
    expect(deadlock).toMatch(/^deadlock: lease \w+ holds "[xy]" \(fence \d+\) and waits for "[xy]"; lease \w+ holds/);
    const json = await graph('--json');
    expect(json.code).toBe(78);
    expect(JSON.parse(json.stdout)).toMatchObject({ waits: [{ line: 'x' }, { line: 'y' }], deadlocks: [{}] });
    expect((await graph('x')).code).toBe(0);
  });

  it.each([
    [['locks'], 128],
    [['locks', 'nonsense'], 128],
    [['locks', 'inspect'], 128],
    [['locks', 'break', 'x'], 128],
    [['locks', 'break', 'x', '--if-fence', '0'], 3],
    [['locks', 'break', 'x', '--if-fence', '-1'], 3],
    [['locks', 'break', 'x', '--if-fence', '1.5'], 3],
    [['locks', 'inspect', ''], 3],
  ])('%j: %i', async (args, code) => {
    const ended = await conclave(args, { CONCLAVE_URL: 'http://127.0.0.1:1' }).ended();
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
    expect(ended.stderr).not.toBe('');
  });
});

describe('conclave lock', () => {
  it('--shared reads beside others who read, --permits and --take take permits', async () => {
    await using serving = await serve();
    const lock = (...args: string[]) => conclave(['--url', serving.url, '--json', 'lock', ...args]);
    await using reader = lock('x', '--shared');
    await reader.line();
    await using beside = lock('x', '--shared');
    await beside.line();
    expect((await lock('x', '--try').ended()).code).toBe(75);
    await using taken = lock('s', '--permits', '3', '--take', '2', '--lock-delay', '1s');
    await taken.line();
    expect((await lock('s', '--permits', '3', '--take', '2', '--try').ended()).code).toBe(75);
    expect((await lock('s', '--permits', '3', '--', 'echo', 'in').ended()).code).toBe(0);
    expect((await lock('s', '--permits', '4', '--try').ended()).code).toBe(3);
    const { stdout } = await conclave(['locks', 'ls', '--url', serving.url, '--json']).ended();
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; type: string });
    expect(lines).toMatchObject([
      { name: 'x', type: 'lock', holders: 2, waiters: 0 },
      { name: 's', type: 'semaphore', holders: 1, waiters: 0 },
    ]);
    const one = (...args: string[]) => conclave(['locks', ...args, 's', '--semaphore', '--url', serving.url]).ended();
    const shown = await one('inspect');
    expect(shown.stdout).toMatch(/^ +OWNER +LABEL +FENCE +AGE +PERMITS +LEASE\nholds +\S+#\d+ .* 2 +[0-9a-f]+\n$/);
    const state = JSON.parse((await one('inspect', '--json')).stdout) as { holders: { fence: string }[] };
    expect(state).toMatchObject({ permits: 3, available: 1, waiters: [] });
    const fence = state.holders[0]?.fence ?? '';
    expect((await one('break', '--if-fence', '1')).code).toBe(77);
    expect((await one('break', '--if-fence', fence)).stdout).toMatch(/^semaphore "s": the holder with fence \d+ /);
    expect((await taken.ended()).code).toBe(76);
  });

  it.each([
    [['lock', 'x', '--take', '2'], 3],
    [['lock', 'x', '--permits', '0'], 3],
    [['lock', 'x', '--permits', '2', '--take', '3'], 3],
    [['lock', 'x', '--lock-delay', 'long'], 3],
    [['lock', 'x', '--shared', '--permits', '2'], 128],
  ])('%j: %i', async (args, code) => {
    const url = args.includes('--take') ? 'memory:' : 'http://127.0.0.1:1';
    expect((await conclave(args, { CONCLAVE_URL: url }).ended()).code).toBe(code);
  });
});

describe('conclave check', () => {
  it('tells what is there, with nothing left behind, and 2 when one endpoint is not', async () => {
    await using serving = await serve();
    const url = serving.url;
    const [port] = await freePorts(1);
    const fine = await conclave(['check', '--url', url]).ended();
    expect(fine).toMatchObject({ code: 0, stderr: '' });
    expect(fine.stdout).toMatch(/\nserver +conclave [\d.]+, as etcd [\d.]+\n/);
    expect(fine.stdout).toMatch(/\nlease +granted for 10s .*\nround trip .*\nclock +as the server’s, .*\n$/);
    const json = await conclave(['check', '--url', `${url},127.0.0.1:${port}`, '--json']).ended();
    expect(json.code).toBe(2);
    expect(json.stderr).toContain(`127.0.0.1:${port}`);
    expect(JSON.parse(json.stdout)).toMatchObject({ url, lease: { grantedMs: 10_000 } });
    await using client = await connect(url);
    expect((await client.range({ prefix: '' })).kvs).toEqual([]);
    expect((await conclave(['check', '--url', 'memory:']).ended()).stdout).toContain('unknown: it serves no /version');
  });
});
