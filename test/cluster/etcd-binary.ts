import { join } from 'node:path';
import { thisMachine } from '../support/etcd/machine.js';
import { findEtcd } from '../support/etcd/source.js';
import { cacheFolder } from './build.js';

/** An etcd that can be started as processes of our own: three of them, killed and paused by their pids. */
export async function etcdBinary(): Promise<{ readonly etcd: string } | { readonly missing: string }> {
  if (process.env.CONCLAVE_TEST_ETCD === 'none') return { missing: 'CONCLAVE_TEST_ETCD=none' };
  const reasons: string[] = [];
  for (const source of ['binary', 'package']) {
    const machine = thisMachine({ ...process.env, CONCLAVE_TEST_ETCD_SOURCE: source }, join(cacheFolder(), 'etcd'));
    const found = await findEtcd(machine, { own: true });
    if ('missing' in found) reasons.push(found.missing);
    else if (found.kind === 'binary') return { etcd: found.etcd };
  }
  return { missing: reasons.join('; ') };
}
