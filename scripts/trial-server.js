// A server of its own for a trial: ours as it is built, or the etcd on $PATH, with a fresh directory that goes with it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const dist = new URL(process.env.CONCLAVE_DIST ?? '../dist/', import.meta.url);

/** A file system in memory, where there is one. */
const memoryDir = '/dev/shm';

/**
 * `kind`: `ours`, `etcd`, or `front`: ours of the build `from`, in front of `upstream`. Whoever starts it stops it.
 */
export async function startServer(kind, { inMemory = false, upstream = '', from = dist } = {}) {
  const dir = mkdtempSync(join(inMemory && existsSync(memoryDir) ? memoryDir : tmpdir(), 'trial-'));
  const [port, peerPort] = await freePorts();
  const [url, peerUrl] = [port, peerPort].map((each) => `http://127.0.0.1:${each}`);
  const cli = fileURLToPath(new URL('bin/conclave.js', from));
  const commands = {
    ours: [process.execPath, cli, 'serve', '--listen', `127.0.0.1:${port}`, '--data', join(dir, 'data')],
    front: [process.execPath, cli, 'serve', '--listen', `127.0.0.1:${port}`, '--upstream', upstream],
    etcd: [
      ...['etcd', '--data-dir', join(dir, 'data'), '--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`],
    ],
  };
  const [file, ...args] = commands[kind];
  const child = spawn(file, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true });
  };
  await answers(url);
  return { url, address: `127.0.0.1:${port}`, pid: child.pid, isOurs: kind === 'ours', stop };
}

/** CPU that a process has used, all its threads, in ms: Linux counts it in steps of 10. */
export function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

async function freePorts() {
  const servers = [0, 1].map(() => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((each) => new Promise((resolve) => each.once('listening', resolve))));
  const ports = servers.map((each) => each.address().port);
  await Promise.all(servers.map((each) => new Promise((resolve) => each.close(resolve))));
  return ports;
}

async function answers(url) {
  for (let tries = 100; ; tries--) {
    const response = await fetch(`${url}/health`).catch(() => undefined);
    if (response?.ok) return;
    if (tries === 0) throw new Error(`${url} does not answer`);
    await sleep(100);
  }
}
