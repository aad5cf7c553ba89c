import { describe, inject } from 'vitest';
import { startEtcdContainer } from './etcd/container.js';
import { thisMachine } from './etcd/machine.js';
import { startEtcdProcess } from './etcd/process.js';
import type { RunningEtcd, StartOptions } from './etcd/running.js';
import { type EtcdSource, type Found, findEtcd as find } from './etcd/source.js';
import { describeSkipped } from './skip.js';

export type { Output, RunningEtcd, StartOptions } from './etcd/running.js';
export type { EtcdSource, Found } from './etcd/source.js';

/** The etcd that all suites of a run share, or why there is none. `global-setup.ts` provides it. */
export type SharedEtcd = { readonly url: string; readonly version: string } | { readonly missing: string };

declare module 'vitest' {
  export interface ProvidedContext {
    etcd: SharedEtcd;
  }
}

/** Where a real etcd can be had on this machine; `own`: one that may be killed, so no running one. */
export function findEtcd(options?: { readonly own?: boolean }): Promise<Found> {
  return find(thisMachine(), options);
}

/**
 * Starts a real etcd for one suite that kills, restarts or pauses it. Throws where there is none: ask `describeEtcd`.
 */
export async function startEtcd(options: StartOptions = {}): Promise<RunningEtcd> {
  const found = await findEtcd({ own: true });
  if ('missing' in found) throw new Error(found.missing);
  return startEtcdFrom(found, options);
}

export async function startEtcdFrom(source: EtcdSource, options: StartOptions = {}): Promise<RunningEtcd> {
  switch (source.kind) {
    case 'url':
      throw new Error(`the etcd at ${source.url} is not ours to start`);
    case 'docker':
      return startEtcdContainer(source.image, options);
    case 'binary':
      return startEtcdProcess(source, options);
  }
}

/** The etcd shared by this run. Other tests use it at the same time: keep to a key prefix of your own. */
export function sharedEtcd(): SharedEtcd {
  return inject('etcd');
}

/** A suite that needs a real etcd: skipped, with the reason in its title, where there is none. */
export function describeEtcd(
  title: string,
  fn: (etcd: { readonly url: string; readonly version: string }) => void,
): void {
  const etcd = sharedEtcd();
  if ('missing' in etcd) describeSkipped(title, etcd.missing, () => fn({ url: 'http://127.0.0.1:0', version: '' }));
  else describe(title, () => fn(etcd));
}
