import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePorts } from '../../test/support/etcd/free-ports.js';
import { executable } from '../../test/support/etcd/machine.js';
import { spawnTied } from './spawn-tied.js';

/** `$REDIS_BIN` or the `redis-server` on `$PATH`; undefined: rows go without. */
export function redisFile(): string | undefined {
  return process.env.REDIS_BIN ?? executable('redis-server', process.env.PATH);
}

/** A Redis that keeps nothing on disk, and a connection to it. */
export interface RunningRedis {
  readonly client: Redis;
  close(): Promise<void>;
}

export async function startRedis(file: string): Promise<RunningRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'conclave-redis-'));
  const [port] = (await freePorts(1)) as [number];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const log = openSync(join(folder, 'redis.log'), 'a');
  const child = spawnTied(file, args, log);
  closeSync(log);
  const client = new Redis({ host: '127.0.0.1', port });
  client.on('error', () => {});
  await client.ping();
  return {
    client,
    close: async () => {
      client.disconnect();
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
