import type { Etcd3 } from 'etcd3';
import { Etcd3Channel } from '../channels/etcd3-channel.js';
import { H2Channel } from '../channels/h2-channel.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import { EngineStore } from '../engine/engine-store.js';
import { thisPid } from '../node/environment.js';
import { openDurableHost } from '../storage/durable-host.js';
import { BatchingStore } from '../store/batch/batching-store.js';
import { SharingStore } from '../store/sharing/sharing-store.js';
import type { Store } from '../store/store.js';
import type { RpcChannel } from '../wire/rpc-channel.js';
import { RpcStore } from '../wire/rpc-store.js';
import { borrowMemoryHost, retainRevisions } from './memory-hosts.js';
import type { ConnectOptions } from './options.js';
import { parseTarget } from './target.js';
import { YieldingStore } from './yielding-store.js';

/** A store and what it stands on. */
export interface OpenedStore {
  readonly store: Store;
  /** For messages. */
  readonly where: string;
  /** Whether something has to answer before it can be used. */
  readonly remote: boolean;
  close(): Promise<void>;
}

/** Makes the store that `target` names, from disk where it is there; sends nothing. */
export async function openStore(
  target: string | Etcd3,
  options: ConnectOptions,
  runtime: Runtime,
): Promise<OpenedStore> {
  if (typeof target !== 'string') {
    refuseCredentials(options);
    if (typeof Object(target).kv !== 'object') throw noTarget(target);
    // Nobody here knows what credentials it brings.
    return remoteStore([new Etcd3Channel(target)], 'the borrowed etcd3 client', options, runtime, false);
  }
  const parsed = parseTarget(target);
  if (parsed.type === 'memory') return embeddedStore(parsed.name, runtime);
  if (parsed.type === 'file') return fileStore(parsed.dir, options, runtime);
  if (options.tls !== undefined && !parsed.secure) {
    throw new ConclaveError('INVALID_ARGUMENT', `tls options need https://, not ${target}`);
  }
  const tls = parsed.secure ? (options.tls ?? {}) : undefined;
  const Channel = await channelOf(options.transport);
  const channels = parsed.endpoints.map((address) => new Channel({ address, tls }));
  const isAnonymous = options.username === undefined && options.tls?.cert === undefined;
  return remoteStore(channels, target, options, runtime, isAnonymous);
}

/** grpc-js takes a tenth of a second to load: only whoever asks for it waits for that. */
async function channelOf(transport: ConnectOptions['transport'] = 'http2') {
  if (transport === 'http2') return H2Channel;
  if (transport === 'grpc-js') return (await import('../channels/grpc-channel.js')).GrpcChannel;
  throw new ConclaveError('INVALID_ARGUMENT', `transport is 'http2' or 'grpc-js', not ${JSON.stringify(transport)}`);
}

function embeddedStore(name: string | undefined, runtime: Runtime): OpenedStore {
  const { host, giveBack } = borrowMemoryHost(name, runtime);
  const store = new YieldingStore(new EngineStore(host));
  const close = async () => {
    await store.close();
    giveBack();
  };
  return { store, where: `memory:${name ?? ''}`, remote: false, close };
}

async function fileStore(dir: string, { fsync }: ConnectOptions, runtime: Runtime): Promise<OpenedStore> {
  const durable = await openDurableHost({ runtime, dir, pid: thisPid(), retainRevisions, fsync });
  const store = new YieldingStore(new EngineStore(durable.host));
  const close = async () => {
    await store.close();
    await durable.close();
  };
  return { store, where: `file:${dir}`, remote: false, close };
}

/** `isAnonymous`: the store knows no user of us, so that no rights can be gone around (`BatchingOptions.nests`). */
function remoteStore(
  channels: RpcChannel[],
  where: string,
  options: ConnectOptions,
  runtime: Runtime,
  isAnonymous: boolean,
): OpenedStore {
  const { username, password, requestTimeoutMs, batching = true } = options;
  const credentials = username === undefined || password === undefined ? undefined : { username, password };
  const rpc = new RpcStore({ channels, runtime, requestTimeoutMs, credentials });
  const calls = batching ? new BatchingStore(rpc, { runtime, requestTimeoutMs, nests: isAnonymous }) : rpc;
  const store = new SharingStore(calls);
  return { store, where, remote: true, close: () => store.close() };
}

function noTarget(target: unknown): ConclaveError {
  const what = 'connect() takes a connection string, or a client of npm etcd3, and then options';
  return new ConclaveError('INVALID_ARGUMENT', `${what}; got ${typeof target}`);
}

function refuseCredentials({ username, tls }: ConnectOptions): void {
  if (username === undefined && tls === undefined) return;
  throw new ConclaveError('INVALID_ARGUMENT', 'a borrowed etcd3 client brings its own credentials');
}
