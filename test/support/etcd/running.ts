import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** A real etcd of our own on 127.0.0.1. */
export interface RunningEtcd extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** As `3.4.23`. */
  readonly version: string;
  /** Runs etcdctl against it; an exit code other than 0 does not throw. */
  etcdctl(args: readonly string[], options?: { readonly input?: string }): Promise<Output>;
  /** SIGKILL, waits until it is gone. `restart` brings it back. */
  kill(): Promise<void>;
  /** Starts it again with the same data and port, after a SIGTERM if it still runs; resolves when it is ready. */
  restart(): Promise<void>;
  /** SIGSTOP: sockets stay open, nothing answers. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
  /** Ends it and removes its data. Idempotent. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** More flags for etcd, as `--quota-backend-bytes=16777216`; they may depend on the URL that it will serve. */
  readonly args?: ((url: string) => readonly string[]) | undefined;
  /** File of `etcdctl snapshot save` that `etcdctl snapshot restore` makes its data of; for an etcd of this machine. */
  readonly snapshot?: string | undefined;
}

/** The version an etcd tells at `/version`. Not by `fetch`, which would keep the connection for seconds. */
export async function versionOf(url: string): Promise<string> {
  const [response] = (await once(get(`${url}/version`, { agent: false }), 'response')) as [IncomingMessage];
  const parts = (await response.toArray()) as Buffer[];
  const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as { etcdserver?: unknown };
  if (typeof body.etcdserver !== 'string') throw new Error(`${url}/version tells no etcdserver version`);
  return body.etcdserver;
}
