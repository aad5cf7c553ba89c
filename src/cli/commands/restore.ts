import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { EngineHost } from '../../engine/engine-host.js';
import type { JournalEntry } from '../../engine/journal.js';
import { NodeRuntime } from '../../node/node-runtime.js';
import { readSnapshot } from '../../server/maintenance/snapshot.js';
import { createStore } from '../../storage/create-store.js';
import { diskFailure } from '../data-dir.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { print, printJson } from '../output.js';

interface RestoreFlags extends GlobalFlags {
  readonly data: string;
  readonly bumpRevision?: bigint;
  readonly skipHashCheck?: boolean;
}

export function defineRestore(command: Command): void {
  command
    .argument('<snapshot>', 'file of `etcdctl snapshot save`, of this server or of etcd')
    .requiredOption('--data <dir>', 'for `serve --data`: made, or empty')
    .option(
      '--bump-revision <n>',
      'go on at a revision so much higher, so that no fence comes twice; without history',
      revisionCount,
    )
    .option('--skip-hash-check', 'for a copy of etcd’s own member/snap/db, which has no hash')
    .action(async (file: string) => {
      await restore(file, command.optsWithGlobals<RestoreFlags>());
    });
}

async function restore(file: string, flags: RestoreFlags): Promise<void> {
  const entries = readSnapshot(await contentOf(file), flags);
  const runtime = new NodeRuntime();
  const host = new EngineHost(runtime);
  try {
    host.restore(entries);
    const { bumpRevision = 0n } = flags;
    const journal = bumpRevision === 0n ? host.checkpoint() : bumped(host, bumpRevision);
    await createStore({ runtime, dir: flags.data, pid: process.pid, entries: journal }).catch((error: unknown) => {
      throw diskFailure(error);
    });
    const { keys, leases, revision: snapshotRevision } = host.stats();
    const made = { data: flags.data, keys, leases, revision: snapshotRevision + bumpRevision };
    if (flags.json) printJson(made);
    else print(`conclave: restored ${keys} keys and ${leases} leases at revision ${made.revision} in ${flags.data}`);
  } finally {
    host.close();
  }
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CliFailure(ExitCode.io, `cannot read ${file}: ${(error as Error).message}`, error);
  }
}

/** The store as it is now, compacted at a revision that nobody has seen. */
function* bumped(host: EngineHost, by: bigint): Generator<JournalEntry> {
  const { revision } = host.engine.space;
  for (const entry of host.checkpoint()) {
    if (entry.type !== 'base' && entry.type !== 'changes') yield entry;
  }
  yield { type: 'base', revision: revision + by, kvs: host.engine.space.all(revision) };
}

function revisionCount(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('Not a number of revisions.');
  return BigInt(text);
}
