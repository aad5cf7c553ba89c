import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ContainerRuntimeClient } from 'testcontainers';
import { dockerImage } from '../../support/etcd/docker-engine.js';
import { defaultImage } from '../../support/etcd/source.js';
import { sleep } from '../clock.js';
import { type Seat, type SeatNetwork, type Site, size } from './site.js';

const run = promisify(execFile);
const subnet = '10.78.0';
const readyBoundMs = 30_000;
const lookEveryMs = 100;

type Engine = ContainerRuntimeClient['container'];
type Container = Awaited<ReturnType<Engine['create']>>;
type Network = ReturnType<Engine['dockerode']['getNetwork']>;

function image(): string {
  return process.env.CONCLAVE_TEST_ETCD_IMAGE ?? defaultImage;
}

/** Why no container can be had here; undefined: one can. */
export async function containersMissing(): Promise<string | undefined> {
  const found = await dockerImage(image(), process.env.DOCKER_HOST);
  return found.present ? undefined : found.why;
}

/** Members in a container each, on a network of their own that the engine makes; the engine must be on this machine. */
export async function containerSite(): Promise<Site> {
  // Its reaper is one more image, which cannot be pulled everywhere.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  const { getContainerRuntimeClient } = await import('testcontainers');
  const { container: engine } = await getContainerRuntimeClient();
  const hub = `${subnet}.254`;
  const network: Network = await engine.dockerode.createNetwork({
    Name: `conclave-cluster-${process.pid}`,
    IPAM: { Driver: 'default', Config: [{ Subnet: `${subnet}.0/24`, Gateway: hub }] },
  });
  const seats = Array.from({ length: size }, (_, i) => new ContainerSeat(engine, network, `${subnet}.${i + 1}`));
  const close = async () => {
    await Promise.all(seats.map((seat) => seat.remove()));
    await network.remove();
  };
  return { hub, seats, close };
}

class ContainerSeat implements Seat, SeatNetwork {
  readonly host: string;
  readonly network = this;
  readonly #engine: Engine;
  readonly #net: Network;
  #container: Container | undefined;
  #running = false;
  #plugged = true;

  constructor(engine: Engine, net: Network, host: string) {
    this.#engine = engine;
    this.#net = net;
    this.host = host;
  }

  get running(): boolean {
    return this.#running;
  }

  async pid(): Promise<number | undefined> {
    const pid = (await this.#container?.inspect())?.State.Pid ?? 0;
    return pid === 0 ? undefined : pid;
  }

  /** A new container each time: all that a member keeps is in its folder, and its arguments change. */
  async start(args: readonly string[], folder: string): Promise<void> {
    await this.remove();
    mkdirSync(folder, { recursive: true });
    const container = await this.#engine.create({
      Image: image(),
      Entrypoint: ['/usr/bin/etcd'],
      Cmd: [...args],
      HostConfig: { Binds: [`${folder}:${folder}`], NetworkMode: this.#net.id },
      NetworkingConfig: { EndpointsConfig: { [this.#net.id]: this.#endpoint } },
    });
    this.#container = container;
    await container.start();
    this.#running = true;
    this.#plugged = true;
    const ended = container.wait().then(() => {
      if (this.#container === container) this.#running = false;
    });
    // A container that is removed is asked for in vain.
    ended.catch(() => {});
    await this.#ready(container);
  }

  async kill(): Promise<void> {
    const container = this.#container;
    if (container === undefined || !this.#running) return;
    // A frozen process cannot be killed: cgroups of the first version wait for it to go on.
    if ((await container.inspect()).State.Paused) await container.unpause();
    await container.kill();
    await container.wait();
    this.#running = false;
  }

  async pause(): Promise<void> {
    await this.#container?.pause();
  }

  async resume(): Promise<void> {
    await this.#container?.unpause();
  }

  async unplug(): Promise<void> {
    this.#plugged = false;
    await this.#net.disconnect({ Container: this.#id, Force: true });
  }

  async plug(): Promise<void> {
    if (this.#plugged || !this.#running) return;
    this.#plugged = true;
    await this.#net.connect({ Container: this.#id, EndpointConfig: this.#endpoint });
  }

  /** A command of this machine, so that the image needs nothing but etcd. */
  async run(file: string, args: readonly string[]): Promise<void> {
    const pid = await this.pid();
    if (pid !== undefined) await run('nsenter', ['--target', String(pid), '--net', file, ...args]);
  }

  async remove(): Promise<void> {
    const container = this.#container;
    this.#container = undefined;
    this.#running = false;
    await container?.remove({ force: true, v: true });
  }

  get #endpoint(): { IPAMConfig: { IPv4Address: string } } {
    return { IPAMConfig: { IPv4Address: this.host } };
  }

  get #id(): string {
    return this.#container?.id ?? '';
  }

  async #ready(container: Container): Promise<void> {
    const looks = readyBoundMs / lookEveryMs;
    for (let look = 0; look < looks; look++) {
      const text = String(await container.logs({ stdout: true, stderr: true }));
      if (/ready to serve .*client requests/.test(text)) return;
      if (!this.#running) throw new Error(`etcd ended before it was ready\n${text.slice(-2000)}`);
      await sleep(lookEveryMs);
    }
    throw new Error(`etcd is not ready within ${readyBoundMs} ms`);
  }
}
