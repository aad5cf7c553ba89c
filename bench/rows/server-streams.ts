import type { Row } from '../row.js';
import type { ServerKind } from '../servers/recipes.js';
import { likeAgainstLike, openServers } from './server-calls.js';

const kinds: readonly ServerKind[] = ['ours', 'etcd', 'ours memory', 'etcd no-fsync'];
const comparisons = likeAgainstLike.filter(({ of }) => kinds.some((kind) => kind === of));
const leases = 1_000;

/** Watches and heartbeats. */
export const serverStreamRows: readonly Row[] = [
  fanOutTo('server/watch-fan-out', 1_000),
  { ...fanOutTo('server/watch-fan-out-10000', 10_000), fullOnly: true },
  {
    id: 'server/keepalives',
    title: `heartbeats of ${leases} leases over one stream, 64 under way`,
    unit: 'heartbeats/s',
    better: 'more',
    comparisons,
    open: (lab) =>
      openServers(lab, kinds, ({ port }) => {
        return { type: 'keepAlives', port, leases, window: 64, durationMs: lab.scale.sampleMs };
      }),
  },
];

function fanOutTo(id: string, watchers: number): Row {
  return {
    id,
    title: `one put seen by ${watchers.toLocaleString('en')} watchers of its prefix, on 10 connections`,
    unit: 'events/s',
    better: 'more',
    comparisons: comparisons.map((each) => ({ ...each, aim: 1 })),
    open: (lab) =>
      openServers(lab, kinds, ({ port }) => ({ type: 'fanOut', port, watchers, durationMs: lab.scale.sampleMs })),
  };
}
