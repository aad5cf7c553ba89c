import type { TestProject } from 'vitest/node';
import { startEtcdContainer } from './etcd/container.js';
import { thisMachine } from './etcd/machine.js';
import { startEtcdProcess } from './etcd/process.js';
import { versionOf } from './etcd/running.js';
import { findEtcd } from './etcd/source.js';
import type { SharedEtcd } from './etcd.js';

/**
 * Starts the one etcd that all suites share, unless one runs already, and tells them where it is or why there is none.
 */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = await findEtcd(thisMachine());
  const provide = (etcd: SharedEtcd) => project.provide('etcd', etcd);
  if ('missing' in found) {
    provide(found);
    return undefined;
  }
  if (found.kind === 'url') {
    provide({ url: found.url, version: await versionOf(found.url) });
    return undefined;
  }
  const etcd = found.kind === 'docker' ? await startEtcdContainer(found.image) : await startEtcdProcess(found);
  provide({ url: etcd.url, version: etcd.version });
  return () => etcd.stop();
}
