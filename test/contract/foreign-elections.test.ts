import { Etcd3 } from 'etcd3';
import { afterEach, describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import { randomHex, randomInt63 } from '../../src/core/runtime.js';
import { Scope } from '../../src/core/scope.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { electionMethods } from '../../src/wire/concurrency-methods.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { describeEtcd } from '../support/etcd.js';
import { errorOf } from '../support/sim-world.js';
import { overStore, untilCount } from './recipe-fixture.js';

const runtime = new NodeRuntime();

function besideOthers(open: (scope: Scope) => Promise<string>): void {
  let scope = new Scope();
  afterEach(async () => {
    await scope.close();
    scope = new Scope();
  });

  const start = async () => {
    const url = await open(scope);
    const channel = new H2Channel({ address: new URL(url).host });
    const store = new RpcStore({ channels: [channel], runtime });
    scope.add(() => store.close());
    const conclave = overStore(store, runtime, '');
    scope.add(() => conclave.close());
    return { url, store, channel, conclave, id: randomHex(runtime) };
  };

  it('ELECTION-11, ELECTION-13: npm etcd3 stands with us and leads after a hand-over; none goes past it', async () => {
    const { url, store, conclave, id } = await start();
    const client = new Etcd3({ hosts: url });
    scope.add(() => client.close());
    const name = `/election/${id}`;
    const places = (count: number) => untilCount(store, runtime, `${name}/`, count);
    const leader = await conclave.election(name).campaign('ours');
    // Its keys are `election/<name>/…`: in the namespace `/` they are a name of ours.
    const theirs = client.namespace('/').election(id, 30);
    expect(await theirs.leader()).toBe('ours');
    const campaign = theirs.campaign('theirs');
    await places(2);
    const last = conclave.election(name).campaign('last');
    await places(3);
    expect((await conclave.election(name).candidates()).map(({ value }) => value)).toEqual(['ours', 'theirs', 'last']);
    expect(await errorOf(leader.handOver('last'))).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(leader.held).toBe(true);
    await leader.handOver('theirs');
    await campaign.wait();
    expect(await conclave.election(name).leader()).toMatchObject({ value: 'theirs' });
    await campaign.resign();
    await (await last).resign();
    await places(0);
  });

  it('ELECTION-11, ELECTION-13: a client of v3election waits, is handed over to, and resigns', async () => {
    const { store, channel, conclave, id } = await start();
    const name = `/v3election/${id}`;
    const places = (count: number) => untilCount(store, runtime, `${name}/`, count);
    const leader = await conclave.election(name).campaign('ours');
    const between = conclave.election(name).campaign('between');
    await places(2);
    const lease = randomInt63(runtime);
    await store.leaseGrant({ id: lease, ttl: 60n });
    const request = { name: utf8(name), lease, value: utf8('theirs') };
    const call = { timeoutMs: 30_000, signal: new AbortController().signal };
    const campaign = channel.unary(electionMethods.campaign, request, call);
    await places(3);
    await leader.handOver('theirs');
    const { leader: won } = await campaign;
    const shown = await channel.unary(electionMethods.leader, { name: utf8(name) }, call);
    expect(Buffer.from(shown.kv?.value ?? []).toString()).toBe('theirs');
    expect((await conclave.election(name).candidates()).map(({ value }) => value)).toEqual(['theirs', 'between']);
    await channel.unary(electionMethods.resign, { leader: won }, call);
    await (await between).resign();
    await store.leaseRevoke({ id: lease });
    await places(0);
  });
}

async function ownServer(scope: Scope): Promise<string> {
  const host = new EngineHost(runtime);
  scope.add(() => host.close());
  const server = await startServer({ runtime, host, listen: { host: '127.0.0.1', port: 0 } });
  scope.add(() => server.close());
  return `http://127.0.0.1:${server.port}`;
}

describe('elections beside other clients on our own server', () => besideOthers(ownServer));
describeEtcd('elections beside other clients on real etcd', ({ url }) => besideOthers(async () => url));
