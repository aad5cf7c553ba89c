import { describe } from 'vitest';
import { type Runtime, randomHex } from '../../src/core/runtime.js';
import type { Store } from '../../src/store/store.js';
import { asConnected } from './backends/as-connected.js';
import { engineBackend } from './backends/engine.js';
import { etcdBackend, npmEtcd3Backend } from './backends/etcd.js';
import { fileBackend } from './backends/file.js';
import { ownServerBackend } from './backends/own-server.js';
import { describeSkipped } from './skip.js';

/** One way to a store that the contract suites run over. */
export interface Backend {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly missing?: string | undefined;
  /** Whether `pause` and `resume` work on a store opened with `exclusive`. */
  readonly pausable: boolean;
  open(options?: OpenOptions): Promise<Opened>;
}

export interface OpenOptions {
  /** Nobody else uses the same data: for tests that compact, interrupt or pause. Default: false. */
  readonly exclusive?: boolean | undefined;
}

/** A store that a test has opened. */
export interface Opened {
  readonly runtime: Runtime;
  readonly store: Store;
  /** Fresh: the data may be shared with other tests. Ends with `/`. */
  readonly prefix: string;
  /** One more client of the same data; closed with the rest. */
  connect(): Promise<Store>;
  /** Breaks every connection, the data stays; resolves when new ones are possible. Needs `exclusive`. */
  interrupt(): Promise<void>;
  /** Nothing answers until `resume`. Needs `exclusive` and a `pausable` backend. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Closes all clients and what serves them; rejects if a watch or lease is left behind where that can be seen. */
  close(): Promise<void>;
}

/** Below all others in etcd, so that a real one can be shared. */
export function freshPrefix(runtime: Runtime): string {
  return `/conclave-test/${randomHex(runtime)}/`;
}

export function backends(): Backend[] {
  const [server, etcd] = [ownServerBackend(), etcdBackend()];
  const onDisk = [fileBackend(), fileBackend({ fsync: false })];
  return [engineBackend(), ...onDisk, server, asConnected(server), etcd, asConnected(etcd), npmEtcd3Backend()];
}

/** One suite over each backend: what holds for one holds for all. */
export function describeBackends(title: string, fn: (backend: Backend) => void): void {
  for (const backend of backends()) {
    const suite = `${title} over ${backend.name}`;
    if (backend.missing === undefined) describe(suite, () => fn(backend));
    else describeSkipped(suite, backend.missing, () => fn(backend));
  }
}
