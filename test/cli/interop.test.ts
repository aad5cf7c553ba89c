import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Conclave, connect } from '../../src/index.js';
import { sharedEtcd } from '../support/etcd.js';
import { describeSkipped } from '../support/skip.js';
import { conclave, etcdctl, findEtcdctl, keysBelow, serve } from './support/cli.js';
import { Stays } from './support/scripts.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

interface Server extends AsyncDisposable {
  readonly url: string;
}

/** The command beside etcdctl: one line for both, whoever came first. */
function besideEtcdctl(title: string, open: () => Promise<Server>): void {
  describe(title, () => {
    let server: Server;
    let client: Conclave;
    // Others use the same etcd.
    const prefix = `/cli-${process.pid}`;
    beforeAll(async () => {
      server = await open();
      client = await connect(server.url);
    });
    afterAll(async () => {
      await client.close();
      await server[Symbol.asyncDispose]();
    });
    const programs = {
      conclave: (...args: string[]) => conclave([...args, '--url', server.url]),
      etcdctl: (...args: string[]) => etcdctl(server.url, args),
    };
    const pairs = [
      ['etcdctl', 'conclave'],
      ['conclave', 'etcdctl'],
    ] as const;

    it.each(pairs)('%s lock excludes %s lock', async (first, second) => {
      using stays = new Stays();
      const name = `${prefix}-lock-${first}`;
      const lock = (program: 'etcdctl' | 'conclave') =>
        program === 'etcdctl'
          ? programs.etcdctl('lock', name, '--', ...stays.command(program))
          : conclave(['lock', name, '--', ...stays.command(program)], { CONCLAVE_URL: server.url });
      await using a = lock(first);
      expect(await a.line()).toBe('inside');
      await using b = lock(second);
      await keysBelow(client, `${name}/`, 2);
      expect(stays.log).toEqual([`${first} in`]);
      await stays.letGo(first);
      expect(await b.line()).toBe('inside');
      await stays.letGo(second);
      expect(await a.ended()).toMatchObject({ code: 0 });
      expect(await b.ended()).toMatchObject({ code: 0 });
      expect(stays.log).toEqual([`${first} in`, `${first} out`, `${second} in`, `${second} out`]);
      await keysBelow(client, `${name}/`, 0);
    });

    it('conclave lock gives what etcdctl lock gives: the variables, and the two lines without a command', async () => {
      const name = `${prefix}-env`;
      const print = ['--', 'sh', '-c', 'echo $ETCD_LOCK_KEY $ETCD_LOCK_REV'];
      for (const run of [programs.etcdctl, (...args: string[]) => conclave(args, { ETCDCTL_ENDPOINTS: server.url })]) {
        const before = (await client.put(`${prefix}-mark`, '')).header.revision;
        const [key = '', revision = ''] = (await run('lock', name, ...print).ended()).stdout.trim().split(' ');
        expect(key.startsWith(`${name}/`)).toBe(true);
        // Others write to the same etcd meanwhile.
        expect(BigInt(revision)).toBeGreaterThan(before);
        await using held = run('lock', name);
        expect((await held.line()).startsWith(`${name}/`)).toBe(true);
        held.kill('SIGINT');
        const { code, stdout } = await held.ended();
        expect({ code, lines: stdout.split('\n').slice(1) }).toEqual({ code: 0, lines: ['', ''] });
      }
    });

    it('a lease that etcdctl revokes ends conclave lock and its command', async () => {
      const name = `${prefix}-revoke`;
      await using running = programs.conclave('lock', name, 'cat');
      const [key = ''] = await keysBelow(client, `${name}/`, 1);
      const lease = key.slice(name.length + 1).split('.')[0] ?? '';
      expect(await programs.etcdctl('lease', 'revoke', lease).ended()).toMatchObject({ code: 0 });
      expect(await running.ended()).toMatchObject({ code: 76 });
    });

    it.each(pairs)('%s elect leads before %s elect, and both kinds of listeners see both', async (first, second) => {
      const name = `${prefix}-elect-${first}`;
      await using a = programs[first]('elect', name, 'one');
      const one = [await a.line(), await a.line()];
      await using ours = programs.conclave('elect', '-l', name);
      await using theirs = programs.etcdctl('elect', '-l', name);
      for (const listener of [ours, theirs]) expect([await listener.line(), await listener.line()]).toEqual(one);
      await using b = programs[second]('elect', name, 'two');
      await keysBelow(client, `${name}/`, 2);
      a.kill('SIGINT');
      expect(await a.ended()).toMatchObject({ code: 0, stdout: `${one.join('\n')}\n` });
      const two = [await b.line(), await b.line()];
      expect(two[1]).toBe('two');
      for (const listener of [ours, theirs]) expect([await listener.line(), await listener.line()]).toEqual(two);
      b.kill('SIGINT');
      expect(await b.ended()).toMatchObject({ code: 0 });
    });
  });
}

const etcd = sharedEtcd();
if (findEtcdctl() === undefined) {
  describeSkipped('the command beside etcdctl', 'no etcdctl on this machine', () => it('interoperates', () => {}));
} else {
  besideEtcdctl('beside etcdctl, on conclave serve', serve);
  const title = 'beside etcdctl, on etcd';
  if ('missing' in etcd) describeSkipped(title, etcd.missing, () => it('interoperates', () => {}));
  else besideEtcdctl(title, async () => ({ url: etcd.url, [Symbol.asyncDispose]: async () => {} }));
}
