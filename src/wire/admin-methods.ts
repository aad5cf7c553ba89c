import * as cluster from './codec/cluster.js';
import * as health from './codec/health.js';
import * as maintenance from './codec/maintenance.js';
import type { UnaryMethod } from './methods.js';

/** What tools ask about a server, besides its data. The rest of these services is not written yet. */
export const adminMethods = {
  status: {
    path: '/etcdserverpb.Maintenance/Status',
    request: maintenance.statusRequest,
    response: maintenance.statusResponse,
  } satisfies UnaryMethod<maintenance.StatusRequest, maintenance.StatusResponse>,
  alarm: {
    path: '/etcdserverpb.Maintenance/Alarm',
    request: maintenance.alarmRequest,
    response: maintenance.alarmResponse,
  } satisfies UnaryMethod<maintenance.AlarmRequest, maintenance.AlarmResponse>,
  memberList: {
    path: '/etcdserverpb.Cluster/MemberList',
    request: cluster.memberListRequest,
    response: cluster.memberListResponse,
  } satisfies UnaryMethod<cluster.MemberListRequest, cluster.MemberListResponse>,
  healthCheck: {
    path: '/grpc.health.v1.Health/Check',
    request: health.healthCheckRequest,
    response: health.healthCheckResponse,
  } satisfies UnaryMethod<health.HealthCheckRequest, health.HealthCheckResponse>,
} as const;
