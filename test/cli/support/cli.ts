import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Conclave } from '../../../src/index.js';
import { cacheDir, executable } from '../../support/etcd/machine.js';
import { builtCli } from './built.js';
import { Program } from './program.js';

/** Runs `conclave` as a process. */
export function conclave(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  return new Program(process.execPath, [builtCli(), ...args], env);
}

/** A `conclave serve` of its own on a free port. */
export async function serve(...flags: string[]): Promise<{ url: string; server: Program } & AsyncDisposable> {
  const server = conclave(['serve', '--listen', '127.0.0.1:0', '--json', ...flags]);
  const { url } = JSON.parse(await server.line()) as { url: string };
  return { url, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** etcdctl in `$PATH` or among what etcd's finder has unpacked; a container's own is of no use beside our processes. */
export function findEtcdctl(): string | undefined {
  const unpacked = join(cacheDir, 'root/usr/bin/etcdctl');
  return executable('etcdctl', process.env.PATH) ?? (existsSync(unpacked) ? unpacked : undefined);
}

export function etcdctl(url: string, args: readonly string[]): Program {
  return new Program(findEtcdctl() ?? 'etcdctl', args, { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: url });
}

/** Resolves when `count` keys are below `prefix`, by watching. */
export async function keysBelow(client: Conclave, prefix: string, count: number): Promise<readonly string[]> {
  const read = async () => {
    const { kvs, header } = await client.range({ prefix });
    return { keys: kvs.map((kv) => Buffer.from(kv.key).toString()), revision: header.revision };
  };
  const { keys, revision } = await read();
  if (keys.length === count) return keys;
  // Ends with the store's next change that brings the count about; the test's own timeout bounds it.
  for await (const _change of client.watch({ prefix, startRevision: revision + 1n })) {
    const { keys: now } = await read();
    if (now.length === count) return now;
  }
  throw new Error('the watch has ended');
}
