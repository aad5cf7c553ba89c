import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { adminMethods } from '../../wire/admin-methods.js';
import { ServingStatus } from '../../wire/codec/health.js';
import { AlarmAction } from '../../wire/codec/maintenance.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import { unaryHandler } from './unary-handler.js';

/** The etcd whose behaviour is served: clients choose by it what they ask for. */
const etcdVersion = '3.5.30';

/** What `etcdctl endpoint` and `member list` and health probes ask: one member, which leads. */
export function adminHandlers(host: EngineHost, clientUrls: () => readonly string[]): UnaryHandler<unknown, unknown>[] {
  return [
    unaryHandler(adminMethods.status, () => {
      const header = host.engine.header();
      const raftIndex = header.revision;
      const raft = { leader: header.memberId, raftIndex, raftTerm: header.raftTerm, raftAppliedIndex: raftIndex };
      return { header, version: etcdVersion, dbSize: 0n, ...raft, errors: [], dbSizeInUse: 0n, isLearner: false };
    }),
    unaryHandler(adminMethods.alarm, ({ action }) => {
      if (action === AlarmAction.activate) throw new ConclaveError('UNSUPPORTED', 'conclave: alarms cannot be set');
      return { header: host.engine.header(), alarms: [] };
    }),
    unaryHandler(adminMethods.memberList, () => {
      const id = host.engine.header().memberId;
      const member = { id, name: 'conclave', peerUrls: [], clientUrls: clientUrls(), isLearner: false };
      return { header: host.engine.header(0n), members: [member] };
    }),
    unaryHandler(adminMethods.healthCheck, ({ service }) => {
      if (service !== '') throw new ConclaveError('NOT_FOUND', 'unknown service');
      return { status: ServingStatus.serving };
    }),
  ];
}
