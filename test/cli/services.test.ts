import { describe, expect, it, vi } from 'vitest';
import { connect, type Discovery } from '../../src/index.js';
import { freePorts } from '../support/etcd/free-ports.js';
import { describeEtcd, startEtcd } from '../support/etcd.js';
import { untilShown } from '../support/until-shown.js';
import { conclave, serve } from './support/cli.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** Listens at the port after a line on stdin, answers with its name, ends 300 ms after SIGTERM with code 9. */
function service(port: number, name: string): string[] {
  const source = [
    "const server = require('node:http').createServer((_, answer) => answer.end(process.argv[1]));",
    "process.on('SIGTERM', () => { console.log('told to end'); setTimeout(() => process.exit(9), 300); });",
    `server.listen(${port}, '127.0.0.1', () => console.log('serving'));`,
  ];
  return [process.execPath, '-e', source.join(' '), name];
}

async function call(discovery: Discovery): Promise<string> {
  const { instance, done } = discovery.pick();
  try {
    const text = await (await fetch(`http://${instance.address}/`)).text();
    done();
    return text;
  } catch (error) {
    done(error);
    throw error;
  }
}

describeEtcd('conclave services over an etcd that goes down', () => {
  it('come back by themselves, beside what Go has written', async () => {
    await using etcd = await startEtcd();
    const [port = 0] = await freePorts(1);
    const register = ['services', 'register', 'web', '--id', 'node', '--address', `127.0.0.1:${port}`, '--ttl', '2'];
    await using running = conclave([...register, '--url', etcd.url, '--', ...service(port, 'node')]);
    await using client = await connect(etcd.url);
    await using web = client.registry.discover('web');
    // Found is not enough: until its probe has said so on the store, it is not called.
    await untilShown(web, () => web.available.length === 1);
    await etcd.kill();
    expect(await call(web)).toBe('node');
    await etcd.restart();
    // As when an outage outlasts the TTL.
    const ok = { code: 0, stderr: '' };
    expect(await etcd.etcdctl(['del', 'services/web/node'])).toMatchObject(ok);
    const entry = `{"Op":0,"Addr":"127.0.0.1:${port}","Metadata":null}`;
    expect(await etcd.etcdctl(['put', 'services/web/go', entry])).toMatchObject(ok);
    await untilShown(web, () => web.available.map(({ id }) => id).join() === 'go,node');
    expect([await call(web), await call(web)]).toEqual(['node', 'node']);
    running.kill('SIGTERM');
    expect(await running.ended()).toMatchObject({ code: 9 });
    await untilShown(web, () => web.instances.length === 1);
    expect(web.instances).toMatchObject([{ id: 'go', address: `127.0.0.1:${port}` }]);
  });
});

describe('conclave services', () => {
  it('register -- cmd: found once it serves, drained at SIGTERM, gone at SIGKILL', async () => {
    await using serving = await serve();
    const { url } = serving;
    const [one = 0, two = 0] = await freePorts(2);
    const start = (port: number, name: string) => {
      const flags = ['--id', name, '--address', `127.0.0.1:${port}`, '--zone', 'eu', '--meta', 'team=x', '--ttl', '2'];
      return conclave(['services', 'register', 'web', ...flags, '--url', url, '--', ...service(port, name)]);
    };
    await using client = await connect(url);
    const web = client.registry.discover('web', { massExpiry: false });
    await using first = start(one, 'first');
    await using second = start(two, 'second');
    await untilShown(web, () => web.instances.length === 2);
    expect(web.instances).toMatchObject([{ id: 'first', zone: 'eu', metadata: { team: 'x' } }, { id: 'second' }]);

    const ls = await conclave(['services', 'ls', '--url', url]).ended();
    expect(ls.stdout).toMatch(/^SERVICE +ID +ADDRESS +STATE .*\nweb +first +127\.0\.0\.1:\d+ +up +eu /);
    const get = await conclave(['services', 'get', 'web', '--url', url, '--json']).ended();
    expect(
      get.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(['first', 'second']);

    // Called all the time while the first one leaves.
    let left = false;
    const answers = new Set<string>();
    const calling = (async () => {
      // Bounded by the process's end.
      while (!left) answers.add(await call(web));
    })();
    first.kill('SIGTERM');
    const ended = await first.ended();
    left = true;
    await calling;
    expect(ended.code).toBe(9);
    expect(answers.has('second')).toBe(true);
    expect(web.instances.map(({ id }) => id)).toEqual(['second']);

    second.kill('SIGKILL');
    await untilShown(web, () => web.instances.length === 0);
    web.close();
  });

  it('drain and enable switch an instance; a taken id ends the command with 76; watch tells', async () => {
    await using serving = await serve();
    const { url } = serving;
    await using client = await connect(url);
    await using watch = conclave(['services', 'watch', 'web', '--url', url]);
    await using running = conclave([
      ...['services', 'register', 'web', '--id', 'a', '--address', 'host:1', '--no-check', '--url', url],
      ...['--kill-after', '100', '--', process.execPath, '-e', 'setInterval(() => {}, 1000)'],
    ]);
    expect(await watch.line()).toMatch(/^joined +a +host:1 +up$/);
    expect(await conclave(['services', 'drain', 'web', 'a', '--url', url]).ended()).toMatchObject({ code: 0 });
    expect(await watch.line()).toMatch(/^changed +a +host:1 +disabled$/);
    expect(await conclave(['services', 'enable', 'web', 'a', '--url', url]).ended()).toMatchObject({ code: 0 });
    expect(await watch.line()).toMatch(/^changed +a +host:1 +up$/);
    const nobody = await conclave(['services', 'drain', 'web', 'b', '--url', url]).ended();
    expect(nobody).toMatchObject({ code: 1, stderr: 'conclave: service "web" has no instance "b"\n' });
    const taken = await client.registry.register({ service: 'web', id: 'a', address: 'h:2' }, { takeOver: true });
    const ended = await running.ended();
    expect(ended.code).toBe(76);
    expect(ended.stderr).toContain('taken over');
    await taken.deregister();
    expect(await watch.line()).toMatch(/^changed +a +h:2/);
    expect(await watch.line()).toMatch(/^changed +a +h:2 +draining/);
    expect(await watch.line()).toMatch(/^left +a +h:2/);
    watch.kill('SIGTERM');
    expect(await watch.ended()).toMatchObject({ code: 0 });
  });

  it('gives the code of a command that ends, and refuses what it cannot use', async () => {
    await using serving = await serve();
    const register = (...rest: string[]) =>
      conclave(['services', 'register', 'web', '--url', serving.url, ...rest]).ended();
    const command = ['--', process.execPath, '-e', 'process.exit(5)'];
    expect(await register('--address', 'h:1', '--no-check', ...command)).toMatchObject({ code: 5 });
    expect(await register('--address', '127.0.0.1:1', ...command)).toMatchObject({ code: 5 });
    expect(await register(...command)).toMatchObject({ code: 128 });
    expect(await register('--address', 'h:1', '--weight', '0', ...command)).toMatchObject({ code: 3 });
    expect(await register('--address', 'h:1', '--meta', 'x', ...command)).toMatchObject({ code: 3 });
    expect(await register('--address', 'nonsense', '--no-check', '--', 'sleep', '60')).toMatchObject({ code: 3 });
    expect(await register('--address', 'h:1', '--', 'no-such-command')).toMatchObject({ code: 127 });
  });
});
