import { utf8 } from '../../../src/core/bytes.js';
import { ConclaveError } from '../../../src/core/errors.js';
import type { Discovery } from '../../../src/registry/discovery.js';
import type { Instance } from '../../../src/registry/instance.js';
import type { Registration } from '../../../src/registry/registration.js';
import { shownEntry } from '../../../src/sim/workloads/registry.js';
import { sleep, until } from '../clock.js';
import { type Client, expectError, type Observing, type Work } from './work.js';

const registerTimeoutMs = 10_000;
/** In which registrations must be back, and views must show what the store has, after everything is healed. */
const settleBoundMs = 15_000;

/** Instances come, change and go, two of them claim one id; every client looks on, with one that stays to the end. */
export const registryWork: Work = {
  run: async (client) => {
    let turn = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      turn += 1;
      // Whoever has it is pushed out.
      const shared = client.random.chance(0.2);
      await visit(client, shared ? 'shared' : `${client.name}.${turn}`, shared);
    }
  },
  observe: (client) => {
    const service = client.config.names[0] as string;
    const discovery = client.conclave.registry.discover(service, { massExpiry: false });
    const done = follow(client, discovery);
    const staying = register(client, `${client.name}.stays`, false);
    return { settle: async () => settled(client, discovery, await staying), done } satisfies Observing;
  },
};

async function visit(client: Client, id: string, takeOver: boolean): Promise<void> {
  const registration = await register(client, id, takeOver);
  if (registration === undefined) return sleep(client.random.between(20, 100));
  for (let change = client.random.below(3); change > 0; change--) {
    await sleep(client.random.between(0, 60));
    await call(client, 'registry.update', id, () => registration.update({ weight: change }));
  }
  await sleep(client.random.between(0, 100));
  await call(client, 'registry.deregister', id, () => registration.deregister());
  note(client, registration, 'registration.gone');
  client.tell({ type: 'progress' });
}

async function register(client: Client, id: string, takeOver: boolean): Promise<Registration | undefined> {
  const service = client.config.names[0] as string;
  const spec = { service, id, address: `${client.name}:80` };
  const options = { takeOver, timeoutMs: registerTimeoutMs, signal: client.finishing };
  return call(client, 'registry.register', id, () => client.conclave.registry.register(spec, options));
}

async function call<T>(client: Client, op: string, id: string, work: () => Promise<T>): Promise<T | undefined> {
  const pending = client.recorder.invoke(client.name, objectOf(client), op, { id });
  try {
    const value = await work();
    pending.ok(null);
    return value;
  } catch (error) {
    pending.threw(error);
    // Whoever takes an id over pushes the other out.
    if (!client.finishing.aborted && !ConclaveError.is(error, 'CONFLICT')) expectError(client, error);
    return undefined;
  }
}

async function follow(client: Client, discovery: Discovery): Promise<void> {
  const { closing, recorder, name } = client;
  const sees = client.config.variant === 'sound' ? viewOf : deafToLeaving();
  try {
    for await (const _ of discovery.changes({ signal: closing })) {
      const { revision } = discovery;
      recorder.note(name, objectOf(client), 'view', { observer: 'only', revision, value: sees(discovery) });
    }
  } catch (error) {
    if (!closing.aborted) expectError(client, error);
  }
  recorder.note(name, objectOf(client), 'view.end', { observer: 'only' });
  discovery.close();
}

/** Until what stays is back, and the view shows what the store has. */
async function settled(client: Client, discovery: Discovery, staying: Registration | undefined): Promise<void> {
  await until(settleBoundMs, () => staying?.status !== 'recovering');
  await until(settleBoundMs, async () => {
    const [key, rangeEnd] = [utf8(`services/${discovery.service}/`), utf8(`services/${discovery.service}0`)];
    const stored = await client.store.range({ key, rangeEnd }).catch(() => undefined);
    const there = stored?.kvs.map(({ modRevision }) => modRevision);
    return String(there) === String(discovery.instances.map(({ modRevision }) => modRevision));
  });
  if (staying !== undefined) note(client, staying, 'registration.kept');
}

function note(
  client: Client,
  { entry, status, signal }: Registration,
  fact: 'registration.kept' | 'registration.gone',
): void {
  const ended = signal.aborted ? String((signal.reason as { code?: string }).code) : null;
  client.recorder.note(client.name, objectOf(client), fact, { owner: entry.owner ?? '', status, ended });
}

function viewOf({ instances }: Pick<Discovery, 'instances'>): string {
  return JSON.stringify(instances.map((each) => shownEntry(each.id, each, each.leaseId)).sort());
}

/** The planted failure: whoever was once there is shown for ever. */
function deafToLeaving(): typeof viewOf {
  const known = new Map<string, Instance>();
  return ({ instances }) => {
    for (const each of instances) known.set(each.id, each);
    return viewOf({ instances: [...known.values()] });
  };
}

function objectOf({ config }: Client): string {
  return `registry/${config.names[0]}`;
}
