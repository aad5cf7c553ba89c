import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { executable } from '../../support/etcd/machine.js';
import { spawnTied } from '../../support/etcd/process.js';
import { ProcessSeat } from './processes.js';
import { type SeatNetwork, type Site, size } from './site.js';

const run = promisify(execFile);

const bridge = 'cluster0';
const hub = '10.77.0.254';
/** Tells a process of ours that the network it sees is its own. */
const ownNetwork = 'CONCLAVE_CLUSTER_OWN_NETWORK';
const needed = ['unshare', 'nsenter', 'setpriv', 'ip', 'iptables', 'ss'];

/** Why members cannot have networks of their own here; undefined: they can. */
export async function namespacesMissing(): Promise<string | undefined> {
  const absent = needed.filter((each) => executable(each, process.env.PATH) === undefined);
  if (absent.length > 0) return `network namespaces: there is no ${absent.join(' and no ')}`;
  try {
    await run('unshare', ['--net', 'sh', '-c', 'ip link add t0 type bridge && iptables -L INPUT']);
    return undefined;
  } catch (error) {
    return `network namespaces: ${String((error as Error).message)
      .trim()
      .split('\n')
      .at(-1)}`;
  }
}

export function inOwnNetwork(): boolean {
  return process.env[ownNetwork] !== undefined;
}

/**
 * This program once more, in a network namespace of its own: what is done there to links and packets is done to nobody
 * else's, and is gone with its last process. The exit code.
 */
export async function againInOwnNetwork(): Promise<number> {
  const args = ['--pdeathsig', 'TERM', 'unshare', '--net', process.execPath, ...process.argv.slice(1)];
  const child = spawn('setpriv', args, { stdio: 'inherit', env: { ...process.env, [ownNetwork]: '1' } });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** Members in a network namespace each, joined by a bridge in the one that this process is in. */
export async function namespaceSite(etcd: string): Promise<Site> {
  await run('ip', ['link', 'set', 'lo', 'up']);
  await run('ip', ['link', 'add', bridge, 'type', 'bridge']);
  await run('ip', ['addr', 'add', `${hub}/24`, 'dev', bridge]);
  await run('ip', ['link', 'set', bridge, 'up']);
  const rooms = await Promise.all(Array.from({ length: size }, (_, index) => Room.open(index)));
  const seats = rooms.map((room) => new ProcessSeat([...room.enter, etcd], room.host, room));
  const close = async () => {
    await Promise.all(rooms.map((room) => room.close()));
    await run('ip', ['link', 'del', bridge]);
  };
  return { hub, seats, close };
}

/** A network namespace, kept open by a process that does nothing, with one cable to the bridge. */
class Room implements SeatNetwork {
  readonly host: string;
  readonly enter: readonly string[];
  readonly #cable: string;
  readonly #keeper: ChildProcess;

  static async open(index: number): Promise<Room> {
    // Says so once it is where it should be.
    const keeper = spawnTied('unshare', ['--net', 'sh', '-c', 'echo here >&2; exec sleep infinity']);
    await once(keeper.stderr as NodeJS.ReadableStream, 'data');
    const room = new Room(index, keeper);
    const cable = room.#cable;
    const inner = { name: 'eth0', netns: String(keeper.pid) };
    await run('ip', ['link', 'add', cable, 'type', 'veth', 'peer', 'name', inner.name, 'netns', inner.netns]);
    await run('ip', ['link', 'set', cable, 'master', bridge, 'up']);
    await room.run('ip', ['link', 'set', 'lo', 'up']);
    await room.run('ip', ['addr', 'add', `${room.host}/24`, 'dev', inner.name]);
    await room.run('ip', ['link', 'set', inner.name, 'up']);
    return room;
  }

  private constructor(index: number, keeper: ChildProcess) {
    this.host = `10.77.0.${index + 1}`;
    this.#cable = `cable${index}`;
    this.#keeper = keeper;
    this.enter = ['nsenter', '--target', String(keeper.pid), '--net'];
  }

  async unplug(): Promise<void> {
    await run('ip', ['link', 'set', this.#cable, 'down']);
  }

  async plug(): Promise<void> {
    await run('ip', ['link', 'set', this.#cable, 'up']);
  }

  async run(file: string, args: readonly string[]): Promise<void> {
    const [enter, ...rest] = this.enter as [string];
    await run(enter, [...rest, file, ...args]);
  }

  async close(): Promise<void> {
    const gone = once(this.#keeper, 'exit');
    this.#keeper.kill('SIGKILL');
    await gone;
  }
}
