import { type Bytes, utf8 } from '../../src/core/bytes.js';
import { difference, type EtcdDifference } from '../support/etcd-differences.js';
import { failure, type ServicesClient } from './support/client.js';
import type { Served } from './support/servers.js';

/** What became of a call: at once, or only after the one in front had left. */
export type Outcome =
  | 'granted'
  | 'granted later'
  | { readonly code: number; readonly text: string; when: 'at once' | 'later' };

/** Where it is tried. */
export interface Scene {
  readonly served: Served;
  readonly client: ServicesClient;
  readonly name: string;
}

export interface Difference {
  readonly what: string;
  /** Says why. */
  readonly row: EtcdDifference;
  run(scene: Scene): Promise<Outcome>;
  readonly ours: Outcome;
  /** Whichever version it is. */
  readonly etcds: readonly Outcome[];
}

const expired = { code: 2, text: 'mutex: session is expired' } as const;
const notLeader = { code: 2, text: 'election: not leader' } as const;

/** Lets one stand in front and another wait behind it, and does `harm` to that one. */
async function harmWaiter(
  scene: Scene,
  stand: (lease: bigint) => Promise<unknown>,
  harm: (key: Bytes, lease: bigint) => Promise<unknown>,
): Promise<Outcome> {
  const { client, name } = scene;
  const [front, waiter] = [await client.grant(), await client.grant()];
  await stand(front);
  const waiting = stand(waiter);
  waiting.catch(() => {});
  await client.untilBelow(`${name}/`, 2);
  await harm(utf8(`${name}/${waiter.toString(16)}`), waiter);
  return settle(scene, waiting, () => client.revoke(front));
}

/** Whether `call` settles before `leave`, and how. */
async function settle(
  { served, client }: Scene,
  call: Promise<unknown>,
  leave: () => Promise<unknown>,
): Promise<Outcome> {
  let left = false;
  const settled = call.then(
    (): Outcome => (left ? 'granted later' : 'granted'),
    async (): Promise<Outcome> => ({ ...(await failure(call)), when: left ? 'later' : 'at once' }),
  );
  if (served === 'conclave') await settled;
  // etcd tells nothing: what it would have told by now it tells later.
  else await client.below('/conclave-test/nothing/');
  left = true;
  await leave();
  return settled;
}

export const differences: readonly Difference[] = [
  {
    what: 'Lock: the key of a waiter is deleted',
    row: difference('lock-waiter-key'),
    run: (scene) => {
      const { client, name } = scene;
      return harmWaiter(
        scene,
        (lease) => client.lock(name, lease),
        (key) => client.remove(key),
      );
    },
    ours: { ...expired, when: 'at once' },
    etcds: ['granted later', { ...expired, when: 'later' }],
  },
  {
    what: 'Lock: the lease of a waiter ends',
    row: difference('lock-waiter-lease'),
    run: (scene) => {
      const { client, name } = scene;
      return harmWaiter(
        scene,
        (lease) => client.lock(name, lease),
        (_, lease) => client.revoke(lease),
      );
    },
    ours: { ...expired, when: 'at once' },
    etcds: ['granted later', { ...expired, when: 'later' }],
  },
  {
    what: 'Campaign: the key of a candidate is deleted',
    row: difference('campaign-key'),
    run: (scene) => {
      const { client, name } = scene;
      return harmWaiter(
        scene,
        (lease) => client.campaign(name, lease, 'x'),
        (key) => client.remove(key),
      );
    },
    ours: { ...notLeader, when: 'at once' },
    etcds: ['granted later'],
  },
  {
    what: 'Campaign: the lease of a candidate ends',
    row: difference('campaign-lease'),
    run: (scene) => {
      const { client, name } = scene;
      return harmWaiter(
        scene,
        (lease) => client.campaign(name, lease, 'x'),
        (_, lease) => client.revoke(lease),
      );
    },
    ours: { ...notLeader, when: 'at once' },
    etcds: ['granted later'],
  },
  {
    what: 'Lock: somebody holds a name below this one',
    row: difference('line-name-below'),
    run: async (scene) => {
      const { client, name } = scene;
      const [below, lease] = [await client.grant(), await client.grant()];
      await client.lock(`${name}/below`, below);
      return settle(scene, client.lock(name, lease), () => client.revoke(below));
    },
    ours: 'granted',
    etcds: ['granted later'],
  },
  {
    what: 'Lock: a key without a lease stands below the name',
    row: difference('line-stray-key'),
    run: async (scene) => {
      const { client, name } = scene;
      const lease = await client.grant();
      await client.put(`${name}/stray`, '');
      return settle(scene, client.lock(name, lease), () => client.remove(`${name}/stray`));
    },
    ours: 'granted',
    etcds: ['granted later'],
  },
];
