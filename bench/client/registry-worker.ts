import { Etcd3 } from 'etcd3';
import { connect } from '../../src/connect/connect.js';
import { answerJobs } from '../answer-jobs.js';
import { instanceCount, namespace, prefixOf, serviceOf } from './registry-fleet.js';
import type { CpuResult, Discoverer, DiscoverResult, RegistryJob, SeeResult } from './registry-job.js';
import { Sightings } from './sightings.js';
import { usedBytes } from './used-bytes.js';

// A process that discovers services as a caller does: of its own, so that its memory and its turns are its own.

/** A list of instances that is kept up to date. */
interface Followed {
  readonly size: number;
}

/** Connects; then the function discovers the service, and tells the note of every instance that changes. */
type Connected = (onChange: (note: string) => void) => Promise<Followed>;

const connected: Readonly<Record<Discoverer, (url: string) => Promise<Connected>>> = {
  conclave: connectOurs,
  'npm etcd3': connectTheirs,
};

const seen: Readonly<Record<Discoverer, Sightings>> = { conclave: new Sightings(), 'npm etcd3': new Sightings() };

answerJobs(run);

async function run(job: RegistryJob): Promise<object> {
  switch (job.type) {
    case 'discover':
      return discover(job.how, job.url);
    case 'join':
      return join(job.url);
    case 'see':
      return { atMs: await seen[job.how].of(job.note) } satisfies SeeResult;
    case 'cpu':
      return { cpuMs: cpuMs() } satisfies CpuResult;
  }
}

async function discover(how: Discoverer, url: string): Promise<DiscoverResult> {
  const follow = await connected[how](url);
  const bytesBefore = usedBytes();
  const cpuBeforeMs = cpuMs();
  const startedAtMs = performance.now();
  const followed = await follow(() => {});
  const readyMs = performance.now() - startedAtMs;
  const result = { readyMs, cpuMs: cpuMs() - cpuBeforeMs };
  if (followed.size !== instanceCount) throw new Error(`${how} has ${followed.size} instances`);
  const bytesPerInstance = (usedBytes() - bytesBefore) / followed.size;
  return { ...result, bytesPerInstance };
}

async function join(url: string): Promise<object> {
  for (const how of ['conclave', 'npm etcd3'] as const) {
    const follow = await connected[how](url);
    await follow((note) => seen[how].tell(note));
  }
  return {};
}

async function connectOurs(url: string): Promise<Connected> {
  const conclave = await connect(url, { namespace });
  await conclave.get('none');
  return async (onChange) => {
    const discovery = conclave.registry.discover(serviceOf.conclave);
    await discovery.ready();
    const reading = async () => {
      for await (const { changed } of discovery.changes()) {
        checkSize(discovery.instances);
        for (const { after } of changed) onChange(String(after.metadata.note));
      }
    };
    reading().catch((error) => process.send?.({ failure: String(error) }));
    return { size: discovery.instances.length };
  };
}

async function connectTheirs(url: string): Promise<Connected> {
  // Ten thousand entries are near the 4 MiB that grpc-js takes otherwise.
  const client = new Etcd3({ hosts: url, grpcOptions: { 'grpc.max_receive_message_length': -1 } });
  await client.get('none');
  return async (onChange) => {
    const instances = new Map<string, Theirs>();
    const prefix = prefixOf('npm etcd3');
    const watcher = await client.watch().prefix(prefix).create();
    watcher.on('put', ({ key, value }) => {
      const entry = JSON.parse(value.toString()) as Theirs;
      instances.set(key.toString(), entry);
      checkSize([...instances.values()]);
      onChange(entry.Metadata.meta.note);
    });
    watcher.on('delete', ({ key }) => instances.delete(key.toString()));
    const all = (await client.getAll().prefix(prefix).json()) as Record<string, Theirs>;
    for (const [key, entry] of Object.entries(all)) instances.set(key, entry);
    return instances;
  };
}

interface Theirs {
  readonly Metadata: { readonly meta: { readonly note: string } };
}

/** Callers pick from a list: whoever has it after a change has made it, too. */
function checkSize(list: readonly unknown[]): void {
  if (list.length !== instanceCount) throw new Error(`${list.length} instances are left`);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
