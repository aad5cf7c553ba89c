import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from './build.js';
import { clockJump, type FakeClock, fakeClock } from './faults/clock-jump.js';
import type { Fault } from './faults/fault.js';
import { plainFaults } from './faults.js';
import { containerSite, containersMissing } from './sites/containers.js';
import { namespaceSite, namespacesMissing } from './sites/namespaces.js';
import { processSite } from './sites/processes.js';
import type { Site, SiteKind } from './sites/site.js';

export type ClockOrNot = (FakeClock & { close(): void }) | { readonly missing: string };

/** A wall clock that can be set, if `faults` asks for it. */
export async function fakeClockFor(faults: readonly string[] | undefined): Promise<ClockOrNot> {
  if (faults !== undefined && !faults.includes('clock-jump')) return { missing: 'not asked for' };
  const folder = mkdtempSync(join(tmpdir(), 'conclave-clock-'));
  const close = () => {
    rmSync(folder, { recursive: true, force: true });
    sweepSharedMemory();
  };
  const clock = await fakeClock(join(cacheFolder(), 'faketime'), join(folder, 'offset'));
  if (!('missing' in clock)) return { ...clock, close };
  close();
  return clock;
}

const sharedMemory = '/dev/shm';

/** What libfaketime leaves of processes that were killed. */
function sweepSharedMemory(): void {
  if (!existsSync(sharedMemory)) return;
  for (const name of readdirSync(sharedMemory)) {
    const [, pid] = /^(?:sem\.)?faketime_(?:shm|sem)_(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(sharedMemory, name), { force: true });
  }
}

/** Why members cannot run there; undefined: they can. */
const missingSite: Readonly<Record<SiteKind, () => Promise<string | undefined>>> = {
  processes: async () => undefined,
  namespaces: namespacesMissing,
  containers: containersMissing,
};

export const openSite: Readonly<Record<SiteKind, (etcd: string) => Promise<Site>>> = {
  processes: async (etcd) => processSite(etcd),
  namespaces: namespaceSite,
  containers: containerSite,
};

/** Where members run: as asked, else with as much of a network of their own as can be had without an engine. */
export async function siteFor(
  asked: SiteKind | undefined,
): Promise<{ readonly site: SiteKind; readonly why: string | undefined } | { readonly missing: string }> {
  const why = await missingSite[asked ?? 'namespaces']();
  if (why === undefined) return { site: asked ?? 'namespaces', why };
  return asked === undefined ? { site: 'processes', why } : { missing: why };
}

/** Those of `words` that can be made on this machine to members that run at `site`, and why the others cannot. */
export async function usableFaults(
  site: SiteKind,
  clock: FakeClock | { readonly missing: string },
  words: readonly string[] | undefined,
): Promise<{ faults: readonly Fault[]; missing: readonly (readonly [word: string, why: string])[] }> {
  const asked = [...plainFaults, clockJump(clock)].filter(({ word }) => words?.includes(word) ?? true);
  const faults: Fault[] = [];
  const missing: [string, string][] = [];
  for (const fault of asked) {
    const why = await fault.missing?.(site);
    if (why === undefined) faults.push(fault);
    else missing.push([fault.word, why]);
  }
  return { faults, missing };
}
