import type { DockerImage } from './docker-engine.js';

/** Where a real etcd comes from. */
export type EtcdSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'docker'; readonly image: string }
  | { readonly kind: 'binary'; readonly etcd: string; readonly etcdctl: string | undefined };

export type Found = EtcdSource | { readonly missing: string };

/** What the finder asks of the machine: real in `machine.ts`, made up in the tests of the order. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The path of an executable, looked for in `$PATH` and where Debian puts it. */
  executable(name: string): string | undefined;
  /** Whether a docker engine answers and has the image. */
  dockerImage(image: string): Promise<DockerImage>;
  /** Unpacks the distribution's package into the cache folder, without installing it. */
  unpackPackage(): Promise<{ readonly etcd: string; readonly etcdctl: string } | { readonly missing: string }>;
}

export const defaultImage = 'conclave-test-etcd:local';

/**
 * The first that can be had of: `$CONCLAVE_TEST_ETCD` (a URL; `none` forbids all), Docker, an `etcd` binary, the
 * distribution's package in `.cache/etcd` (DESIGN section 5). `$CONCLAVE_TEST_ETCD_SOURCE` allows one kind only.
 */
export async function findEtcd(machine: Machine, options: { readonly own?: boolean } = {}): Promise<Found> {
  const { env } = machine;
  const url = env.CONCLAVE_TEST_ETCD;
  if (url === 'none') return { missing: 'CONCLAVE_TEST_ETCD=none' };
  // A test that kills its etcd needs one of its own.
  if (url !== undefined && url !== '' && options.own !== true) return { kind: 'url', url };
  const reasons: string[] = [];
  for (const [name, find] of finders) {
    if (env.CONCLAVE_TEST_ETCD_SOURCE !== undefined && env.CONCLAVE_TEST_ETCD_SOURCE !== name) continue;
    const found = await find(machine);
    if (!('missing' in found)) return found;
    reasons.push(found.missing);
  }
  return { missing: `no etcd found: ${['$CONCLAVE_TEST_ETCD is not set', ...reasons].join('; ')}` };
}

const finders: readonly (readonly [string, (machine: Machine) => Promise<Found>])[] = [
  ['docker', findDocker],
  ['binary', findBinary],
  ['package', findPackage],
];

async function findDocker(machine: Machine): Promise<Found> {
  const image = machine.env.CONCLAVE_TEST_ETCD_IMAGE ?? defaultImage;
  const answer = await machine.dockerImage(image);
  return answer.present ? { kind: 'docker', image } : { missing: answer.why };
}

async function findBinary(machine: Machine): Promise<Found> {
  const etcd = machine.env.ETCD_BIN ?? machine.executable('etcd');
  if (etcd === undefined) return { missing: 'no etcd binary on $PATH' };
  return { kind: 'binary', etcd, etcdctl: machine.env.ETCDCTL_BIN ?? machine.executable('etcdctl') };
}

async function findPackage(machine: Machine): Promise<Found> {
  const unpacked = await machine.unpackPackage();
  return 'missing' in unpacked ? unpacked : { kind: 'binary', ...unpacked };
}
