import { Etcd3 } from 'etcd3';
import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import { createdAt, put } from '../../src/store/ops.js';
import { rateOf, warmUp } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row } from '../row.js';

type Operation = 'put' | 'txn' | 'get';
type Run = (key: string) => Promise<unknown>;

/** This package, over the other transport that it knows. */
const overGrpcJs = 'over grpc-js';

const value = 'v'.repeat(100);

/** Plain etcd operations through this package against npm etcd3, on one etcd. */
export function clientCallRows(): Row[] {
  return (['put', 'txn', 'get'] as const).flatMap((operation) =>
    [1, 16, 128].map((callers) => row(operation, callers)),
  );
}

function row(operation: Operation, callers: number): Row {
  const isBusy = callers === 128;
  return {
    id: `client/${operation}-${callers}`,
    title: `${operation} through the client, ${callers} ${callers === 1 ? 'caller' : 'callers'} of one process`,
    unit: 'calls/s',
    better: 'more',
    fullOnly: !isBusy || operation === 'txn',
    comparisons: [
      { of: 'conclave', to: 'npm etcd3', aim: isBusy ? 3 : undefined },
      { of: 'conclave', to: 'npm etcd3', detail: 'client CPU µs', aim: isBusy ? 5 : undefined },
      { of: 'conclave', to: overGrpcJs, detail: 'client CPU µs' },
    ],
    open: (lab) => open(lab, operation, callers),
  };
}

async function open(lab: Lab, operation: Operation, callers: number): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const ours = await connect(url);
  const grpcJs = await connect(url, { transport: 'grpc-js' });
  const theirs = new Etcd3({ hosts: url });
  const runs: [string, Run][] = [
    ['conclave', runOfOurs(ours)[operation]],
    [overGrpcJs, runOfOurs(grpcJs)[operation]],
    ['npm etcd3', runOfTheirs(theirs)[operation]],
  ];
  const measures = runs.map(([name, run]): [string, Measure] => {
    return [name, () => rateOf(callers, lab.scale.sampleMs, (caller, n) => run(`bench/${name}/${caller}/${n % 100}`))];
  });
  await warmUp(
    callers,
    runs.map(
      ([name, run]) =>
        (caller: number) =>
          run(`bench/${name}/${caller}`),
    ),
  );
  const close = async () => {
    await ours.close();
    await grpcJs.close();
    theirs.close();
  };
  return { subjects: new Map(measures), close };
}

function runOfOurs(conclave: Conclave): Record<Operation, Run> {
  return {
    put: (key) => conclave.put(key, value),
    txn: (key) => conclave.txn().if(createdAt('bench/never', 0n)).then(put(key, value)).commit(),
    get: (key) => conclave.get(key),
  };
}

function runOfTheirs(client: Etcd3): Record<Operation, Run> {
  return {
    put: (key) => client.put(key).value(value).exec(),
    txn: (key) => client.if('bench/never', 'Create', '==', 0).then(client.put(key).value(value)).commit(),
    get: (key) => client.get(key).string(),
  };
}
