import type { EngineStats } from '../../engine/engine-host.js';
import type { StatusResponse } from '../../wire/codec/maintenance.js';
import type { MethodCount } from './call-counters.js';
import type { Metric } from './prometheus.js';
import { serverStreams } from './routes.js';

/** What the server knows of itself at one moment. */
export interface ServerFacts {
  readonly counts: readonly MethodCount[];
  /** Undefined in front of a cluster. */
  readonly engine: EngineStats | undefined;
  readonly connections: number;
  /** Undefined where it is told to nobody without a token, or nobody is there to tell it. */
  readonly status: StatusResponse | undefined;
}

/** By etcd's names where etcd has the figure; what is ours alone is called `conclave_…`. */
export function metricsOf({ counts, engine, connections, status }: ServerFacts): Metric[] {
  return [
    ...callMetrics(counts),
    ...(status === undefined ? [] : statusMetrics(status)),
    ...(engine === undefined ? [] : engineMetrics(engine)),
    gauge('conclave_connections', 'Connections of clients, by gRPC and HTTP.', connections),
  ];
}

function engineMetrics({ keys, revision, watchers, leases }: EngineStats): Metric[] {
  return [
    gauge('etcd_debugging_mvcc_keys_total', 'Keys that there are.', keys),
    gauge('etcd_debugging_mvcc_current_revision', 'Revision of the store.', revision),
    gauge('etcd_debugging_mvcc_watcher_total', 'Watches that are open.', watchers),
    gauge('conclave_leases', 'Leases that there are.', leases),
  ];
}

function statusMetrics(status: StatusResponse): Metric[] {
  const { header, leader, version, dbSize, dbSizeInUse } = status;
  const labels = { server_version: version };
  return [
    gauge('etcd_server_has_leader', 'Whether a leader exists: 1 or 0.', leader === 0n ? 0 : 1),
    gauge('etcd_server_is_leader', 'Whether this member leads: 1 or 0.', leader === header.memberId ? 1 : 0),
    { ...gauge('etcd_server_version', 'The version of etcd that is served.', 1), samples: [{ labels, value: 1 }] },
    // A server that keeps no file tells no size.
    ...(dbSize > 0n ? [gauge('etcd_mvcc_db_total_size_in_bytes', 'Bytes that the files take.', dbSize)] : []),
    ...(dbSizeInUse > 0n
      ? [gauge('etcd_mvcc_db_total_size_in_use_in_bytes', 'Bytes of them in use.', dbSizeInUse)]
      : []),
  ];
}

function callMetrics(counts: readonly MethodCount[]): Metric[] {
  const started = counts.map((count) => ({ labels: callLabels(count), value: count.started }));
  const handled = counts.flatMap((count) =>
    [...count.handled].map(([status, value]) => ({
      labels: { ...callLabels(count), grpc_code: codeNames[status] ?? String(status) },
      value,
    })),
  );
  return [
    { name: 'grpc_server_started_total', type: 'counter', help: 'Calls that have begun.', samples: started },
    { name: 'grpc_server_handled_total', type: 'counter', help: 'Calls that are over.', samples: handled },
  ];
}

function callLabels({ path, isDuplex }: MethodCount): Readonly<Record<string, string>> {
  const slash = path.lastIndexOf('/');
  const type = isDuplex ? (serverStreams.has(path) ? 'server_stream' : 'bidi_stream') : 'unary';
  return { grpc_service: path.slice(1, slash), grpc_method: path.slice(slash + 1), grpc_type: type };
}

/** As grpc-go writes them. */
const codeNames: readonly string[] = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'],
  ...['PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented'],
  ...['Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'],
];

function gauge(name: string, help: string, value: number | bigint): Metric {
  return { name, type: 'gauge', help, samples: [{ value }] };
}
