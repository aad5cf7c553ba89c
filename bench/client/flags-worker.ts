import { FlagdCore } from '@openfeature/flagd-core';
import { OpenFeature, ProviderEvents } from '@openfeature/server-sdk';
import { Etcd3 } from 'etcd3';
import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import { deferred } from '../../src/core/deferred.js';
import { ConclaveFlagProvider, FlagEvaluator } from '../../src/openfeature/index.js';
import { answerJobs } from '../answer-jobs.js';
import { bareStore } from './bare-txns.js';
import { contextAt, flagName } from './flag-file.js';
import {
  bareKeys,
  changedFlag,
  type FlagsJob,
  type HoldFlagsResult,
  namespace,
  type SeeResult,
  type Watched,
} from './flags-job.js';
import { Sightings } from './sightings.js';
import { usedBytes } from './used-bytes.js';

// A process that follows flags as a service does: of its own, so that its memory and its turns are its own.

const seen: Readonly<Record<Watched, Sightings>> = {
  flag: new Sightings(),
  'bare key': new Sightings(),
  'bare key of etcd3': new Sightings(),
};

answerJobs(run);

function run(job: FlagsJob): Promise<object> {
  switch (job.type) {
    case 'join':
      return join(job);
    case 'see':
      return seen[job.what].of(job.value).then((atMs): SeeResult => ({ atMs }));
    case 'hold':
      return hold(job);
  }
}

async function join({ url, openFeature }: Extract<FlagsJob, { type: 'join' }>): Promise<object> {
  const conclave = await connect(url, { namespace });
  await (openFeature ? evaluateInOpenFeature(conclave) : evaluateHere(conclave));
  await watchBare(url);
  await watchByEtcd3(url);
  return {};
}

async function watchBare(url: string): Promise<void> {
  const created = deferred();
  bareStore(url).watch(
    { key: Buffer.from(bareKeys['bare key']) },
    {
      onCreated: () => created.resolve(),
      onEvents: (events) => {
        for (const { kv } of events) seen['bare key'].tell(Buffer.from(kv.value).toString());
      },
      onEnd: (error) => created.reject(error),
    },
  );
  await created.promise;
}

/** What a service in Node has without us. */
async function watchByEtcd3(url: string): Promise<void> {
  const watcher = await new Etcd3({ hosts: url }).watch().key(bareKeys['bare key of etcd3']).create();
  watcher.on('put', ({ value }) => seen['bare key of etcd3'].tell(value.toString()));
}

async function evaluateInOpenFeature(conclave: Conclave): Promise<void> {
  await OpenFeature.setProviderAndWait(new ConclaveFlagProvider(conclave));
  const client = OpenFeature.getClient();
  const evaluate = async () => seen.flag.tell(await client.getStringValue(changedFlag, ''));
  client.addHandler(ProviderEvents.ConfigurationChanged, () => void evaluate());
}

async function evaluateHere(conclave: Conclave): Promise<void> {
  const flags = conclave.flags.watch();
  await flags.ready();
  const evaluator = new FlagEvaluator(flags);
  flags.events.on('change', ({ flagsChanged }) => {
    evaluator.changed(flagsChanged);
    seen.flag.tell(evaluator.resolve<string>('string', changedFlag, '', {}).value);
  });
}

async function hold({ how, url, count }: Extract<FlagsJob, { type: 'hold' }>): Promise<HoldFlagsResult> {
  const conclave = await connect(url, { namespace });
  await conclave.get('none');
  const file = how === 'flagd-core' ? JSON.stringify(await conclave.flags.export()) : undefined;
  const before = usedBytes();
  const kept = await (file === undefined ? holdOurs() : holdTheirs(file));
  async function holdOurs() {
    const provider = new ConclaveFlagProvider(conclave);
    await OpenFeature.setProviderAndWait(provider);
    const client = OpenFeature.getClient();
    for (let i = 0; i < count; i++) await client.getStringValue(flagName(i), '', contextAt(i));
    return provider;
  }
  async function holdTheirs(text: string) {
    const core = new FlagdCore();
    core.setConfigurations(text);
    for (let i = 0; i < count; i++) core.resolveStringEvaluation(flagName(i), '', contextAt(i));
    return core;
  }
  const bytesPerFlag = (usedBytes() - before) / count;
  if (kept === undefined) throw new Error('it must be in use until it is weighed');
  await OpenFeature.close();
  await conclave.close();
  return { bytesPerFlag };
}
