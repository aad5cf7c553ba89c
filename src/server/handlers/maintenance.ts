import { ConclaveError } from '../../core/errors.js';
import { AlarmType } from '../../engine/alarm-set.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { etcdError } from '../../store/etcd-errors.js';
import { maintenanceMethods as methods } from '../../wire/admin-methods.js';
import {
  AlarmAction,
  type AlarmRequest,
  type AlarmResponse,
  DowngradeAction,
  type DowngradeRequest,
} from '../../wire/codec/maintenance.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import { hashKeys } from '../maintenance/hash-keys.js';
import { hashAll } from '../maintenance/snapshot.js';
import { unaryHandler } from './unary-handler.js';

/** The etcd whose behaviour is served: clients choose by it what they ask for. */
const etcdVersion = '3.5.30';
/** What etcd of that version calls its cluster's, and the only one that it could be downgraded to. */
const clusterVersion = '3.5.0';
const downgradeVersion = '3.4';

/** `etcdserverpb.Maintenance`, without `Snapshot`. */
export function maintenanceHandlers(host: EngineHost): UnaryHandler<unknown, unknown>[] {
  const { engine } = host;
  return [
    unaryHandler(methods.status, () => statusOf(host)),
    alarmHandler(host),
    // History that was compacted is given back at once: there is nothing left to do.
    unaryHandler(methods.defragment, () => ({ header: undefined })),
    unaryHandler(methods.hash, () => ({ header: engine.header(), hash: hashAll(host) })),
    unaryHandler(methods.hashKv, ({ revision }) => {
      const { hash, compactRevision, hashRevision } = hashKeys(engine.space, revision);
      return { header: engine.header(), hash, compactRevision, hashRevision };
    }),
    unaryHandler(methods.moveLeader, ({ targetId }) => {
      if (targetId !== engine.header().memberId) throw etcdError('badTransferee');
      return { header: undefined };
    }),
    unaryHandler(methods.downgrade, (request) => {
      checkDowngrade(request);
      return { header: engine.header(), version: clusterVersion };
    }),
  ];
}

function statusOf({ engine, alarms, quotaBytes }: EngineHost) {
  const header = engine.header();
  const { kept, live } = engine.space.bytes;
  const raftIndex = header.revision;
  return {
    header,
    version: etcdVersion,
    dbSize: BigInt(kept),
    dbSizeInUse: BigInt(live),
    dbSizeQuota: BigInt(quotaBytes),
    leader: header.memberId,
    raftIndex,
    raftTerm: header.raftTerm,
    raftAppliedIndex: raftIndex,
    errors: alarms.list(AlarmType.none).map(alarmText),
    isLearner: false,
    storageVersion: '',
    downgradeInfo: undefined,
  };
}

/** As Go prints the message, with the blank at its end. */
function alarmText({ memberId, type }: { readonly memberId: bigint; readonly type: number }): string {
  const member = memberId === 0n ? '' : `memberID:${memberId} `;
  return `${member}alarm:${type === AlarmType.noSpace ? 'NOSPACE' : 'CORRUPT'} `;
}

function alarmHandler(host: EngineHost): UnaryHandler<unknown, unknown> {
  const handler: UnaryHandler<AlarmRequest, AlarmResponse> = {
    method: methods.alarm,
    handle: async (request) => {
      const endsNoSpace = request.action === AlarmAction.deactivate && request.alarm === AlarmType.noSpace;
      if (endsNoSpace && !(await host.regainRoom())) throw etcdError('noSpace');
      return answerAlarm(host, request);
    },
  };
  return handler;
}

function answerAlarm({ engine, alarms }: EngineHost, { action, memberId, alarm: type }: AlarmRequest): AlarmResponse {
  const found = () => {
    switch (action) {
      case AlarmAction.get:
        return alarms.list(type);
      case AlarmAction.activate:
        return alarms.activate({ memberId, type });
      case AlarmAction.deactivate:
        return alarms.deactivate({ memberId, type });
      default:
        throw new ConclaveError('INVALID_ARGUMENT', `conclave: there is no alarm action ${action}`);
    }
  };
  return { alarms: found().map((each) => ({ memberId: each.memberId, alarm: each.type })), header: engine.header() };
}

/** Returns for a version that could be downgraded to; doing it is refused, since no older server reads our data. */
function checkDowngrade({ action, version }: DowngradeRequest): void {
  if (action === DowngradeAction.cancel) throw etcdError('noDowngrade');
  if (action !== DowngradeAction.validate && action !== DowngradeAction.enable) {
    throw new ConclaveError('INVALID_ARGUMENT', `conclave: there is no downgrade action ${action}`);
  }
  const [, target] = /^(\d+\.\d+)(\.\d+)?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(version) ?? [];
  if (target === undefined) throw etcdError('downgradeVersionFormat');
  if (target !== downgradeVersion) throw etcdError('downgradeVersion');
  if (action === DowngradeAction.enable) throw etcdError('notCapable');
}
