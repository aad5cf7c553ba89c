import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { commandTable } from '../../src/cli/command-table.js';
import { ExitCode } from '../../src/cli/exit-code.js';
import { version } from '../../src/index.js';
import { freePorts } from '../support/etcd/free-ports.js';
import { conclave, serve } from './support/cli.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

const nowhere = { CONCLAVE_URL: 'http://127.0.0.1:1' };
const oneLine = /^conclave: [^\n]+\n$/;

describe.concurrent('exit codes', () => {
  it('are those of the README', () => {
    const readme = readFileSync(new URL('../../src/cli/README.md', import.meta.url), 'utf8');
    const documented = [...readme.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
    expect(documented).toEqual(Object.values(ExitCode));
  });

  it.each([
    [['lock', ''], 'lock'],
    [['elect', '', 'x'], 'elect'],
    [['lock', 'x', '--ttl', '0'], 'TTL 0'],
    [['lock', 'x', '--ttl', '0.5'], 'TTL below a second'],
    [['lock', 'x', '--ttl', 'soon'], 'TTL that is no number'],
    [['lock', 'x', '--ttl', '99999999999'], 'TTL beyond etcd’s limit'],
    [['elect', 'x', 'y', '--ttl', '-1'], 'negative TTL'],
    [['lock', 'x', '--timeout', 'x'], 'timeout'],
    [['lock', 'x', '--kill-after', '1d'], 'kill-after'],
    [['lock', 'x', '--url', 'ftp://x'], 'URL'],
    [['serve', '--listen', '127.0.0.1:0', '--upstream', 'ftp://x'], 'URL of a cluster'],
    [['lock', 'x', '--url', 'http://127.0.0.1:1', '--cacert', 'ca.pem'], 'TLS over plain text'],
    [['lock', 'x', '--username', 'u'], 'user without password'],
    [['lock', 'x', '--password', 'p'], 'password without user'],
  ])('%j: 3, invalid input (%s)', async (args) => {
    const { code, stdout, stderr } = await conclave(args, nowhere).ended();
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(oneLine);
  });

  it.each([
    [[]],
    [['nonsense']],
    [['lock']],
    [['elect', 'x']],
    [['lock', 'x', '--nonsense']],
    [['lock', 'x', '--ttl']],
    [['lock', 'x', '--try', '--timeout', '5']],
    [['serve', 'x']],
  ])('%j: 128, bad arguments', async (args) => {
    const { code, stdout, stderr } = await conclave(args, nowhere).ended();
    expect({ code, stdout }).toEqual({ code: 128, stdout: '' });
    expect(stderr).not.toBe('');
  });

  it.each([
    ['lock', 'x'],
    ['elect', 'x', 'y'],
    ['elect', '-l', 'x'],
  ])('%s %s: 2 when nobody listens there, naming the endpoint and how to start a server', async (...args) => {
    const [port] = await freePorts(1);
    const { code, stdout, stderr } = await conclave([...args, '--url', `http://127.0.0.1:${port}`]).ended();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain('conclave serve');
  });

  it('6 when a file cannot be read', async () => {
    const { code, stderr } = await conclave(['lock', 'x', '--url', '127.0.0.1:1', '--cacert', '/no/such.pem']).ended();
    expect(code).toBe(6);
    expect(stderr).toMatch(/^conclave: cannot read \/no\/such\.pem: .*\n$/);
  });
});

describe('the command line', () => {
  it('--help names every command and loads none; --version', async () => {
    const help = await conclave(['--help']).ended();
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const { name, summary } of commandTable) expect(help.stdout).toMatch(new RegExp(`${name} +${summary}`));
    expect(await conclave(['--version']).ended()).toMatchObject({ code: 0, stdout: `${version}\n` });
    const below = ['config rollout', 'services register'];
    for (const name of [...commandTable.map((entry) => entry.name), ...below]) {
      const shown = await conclave([...name.split(' '), '--help']).ended();
      expect(shown).toMatchObject({ code: 0, stderr: '' });
      // A default as its user would write it.
      expect(shown.stdout).not.toMatch(/default: \{/);
    }
  });

  it('global flags go before or after the command; --url before $CONCLAVE_URL before $ETCDCTL_ENDPOINTS', async () => {
    await using serving = await serve();
    const url = serving.url;
    const echo = ['--', 'echo', 'ran'];
    const dead = { CONCLAVE_URL: 'http://127.0.0.1:1', ETCDCTL_ENDPOINTS: '127.0.0.1:1' };
    const ran = { code: 0, stdout: 'ran\n' };
    expect(await conclave(['--url', url, 'lock', 'x', ...echo], dead).ended()).toMatchObject(ran);
    expect(await conclave(['lock', 'x', '--ttl', '5', '--url', url, ...echo], dead).ended()).toMatchObject(ran);
    expect(await conclave(['lock', 'x', ...echo], { ...dead, CONCLAVE_URL: url }).ended()).toMatchObject(ran);
    const bare = url.replace('http://', '');
    expect(await conclave(['lock', 'x', ...echo], { ETCDCTL_ENDPOINTS: bare }).ended()).toMatchObject(ran);
  });
});
