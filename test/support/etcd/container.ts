import { freePorts } from './free-ports.js';
import { executable } from './machine.js';
import { runEtcdctl } from './process.js';
import { type Output, type RunningEtcd, type StartOptions, versionOf } from './running.js';

/**
 * Starts etcd in a container by testcontainers. The host port is chosen here, since a container that is started again
 * would get another one. testcontainers is loaded only now: it is slow to load, and most runs don't need it.
 */
export async function startEtcdContainer(image: string, options: StartOptions = {}): Promise<RunningEtcd> {
  if (options.snapshot !== undefined) throw new Error('a snapshot is restored on this machine, not in a container');
  // Its reaper is one more image, which cannot be pulled everywhere; containers are removed by `stop`.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers');
  const [port] = (await freePorts(1)) as [number];
  const ready = Wait.forLogMessage(/ready to serve .*client requests/);
  const started = await new GenericContainer(image)
    .withEntrypoint(['/usr/bin/etcd'])
    .withCommand([
      ...['--data-dir=/etcd-data', '--listen-client-urls=http://0.0.0.0:2379'],
      `--advertise-client-urls=http://127.0.0.1:${port}`,
      ...(options.args?.('http://0.0.0.0:2379') ?? []),
    ])
    .withExposedPorts({ container: 2379, host: port })
    .withWaitStrategy(ready)
    .start()
    .catch((error: unknown) => {
      throw new Error(`etcd in a container ended before it was ready: ${String(error)}`);
    });
  const url = `http://${started.getHost() === 'localhost' ? '127.0.0.1' : started.getHost()}:${port}`;
  const client = await getContainerRuntimeClient();
  const container = client.container.getById(started.getId());
  const etcdctl = executable('etcdctl', process.env.PATH);
  let stopped: Promise<unknown> | undefined;
  const stop = async () => {
    stopped ??= started.stop({ remove: true, removeVolumes: true });
    await stopped;
  };
  return {
    url,
    version: await versionOf(url),
    async etcdctl(args, { input } = {}): Promise<Output> {
      if (etcdctl !== undefined) return runEtcdctl(etcdctl, url, args, input);
      if (input !== undefined) throw new Error('etcdctl inside a container gets no input');
      const result = await started.exec(['/usr/bin/etcdctl', ...args], { env: { ETCDCTL_API: '3' } });
      return { stdout: result.stdout, stderr: result.stderr, code: result.exitCode };
    },
    async kill() {
      await container.kill();
      await container.wait();
    },
    async restart() {
      const running = (await container.inspect()).State.Running;
      if (running) await container.stop();
      await container.start();
      await answers(url);
    },
    async pause() {
      await container.pause();
    },
    async resume() {
      await container.unpause();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * A restarted container's log begins before the restart, so its words prove nothing. This polls, bounded by 60 tries
 * half a second apart: support code, no test waits for time.
 */
async function answers(url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await versionOf(url);
      return;
    } catch (error) {
      if (attempt === 60) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
