import { ConclaveError, type ErrorCode } from '../core/errors.js';

/** gRPC's status codes, by number. */
export const Status = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

interface Row {
  readonly text: string;
  readonly status: number;
  readonly code: ErrorCode;
}

/**
 * etcd's errors: what the engine throws, the server sends and the wire reads back, in one table (protocol.md section
 * 0.1;
 * `api/v3rpc/rpctypes/error.go`). Clients depend on the texts.
 */
export const etcdErrors = {
  emptyKey: row(3, 'INVALID_ARGUMENT', 'etcdserver: key is not provided'),
  keyNotFound: row(3, 'INVALID_ARGUMENT', 'etcdserver: key not found'),
  valueProvided: row(3, 'INVALID_ARGUMENT', 'etcdserver: value is provided'),
  leaseProvided: row(3, 'INVALID_ARGUMENT', 'etcdserver: lease is provided'),
  tooManyOps: row(3, 'INVALID_ARGUMENT', 'etcdserver: too many operations in txn request'),
  duplicateKey: row(3, 'INVALID_ARGUMENT', 'etcdserver: duplicate key given in txn request'),
  invalidSortOption: row(3, 'INVALID_ARGUMENT', 'etcdserver: invalid sort option'),
  /** Not etcd's: it takes an unknown compare for one that holds. */
  invalidCompareOption: row(3, 'INVALID_ARGUMENT', 'etcdserver: invalid compare option'),
  requestTooLarge: row(3, 'INVALID_ARGUMENT', 'etcdserver: request is too large'),
  userEmpty: row(3, 'UNAUTHENTICATED', 'etcdserver: user name is empty'),
  authFailed: row(3, 'UNAUTHENTICATED', 'etcdserver: authentication failed, invalid user ID or password'),
  roleEmpty: row(3, 'INVALID_ARGUMENT', 'etcdserver: role name is empty'),
  permissionNotGiven: row(3, 'INVALID_ARGUMENT', 'etcdserver: permission not given'),
  invalidAuthManagement: row(3, 'INVALID_ARGUMENT', 'etcdserver: invalid auth management'),
  rootUserMissing: row(9, 'FAILED_PRECONDITION', 'etcdserver: root user does not exist'),
  rootRoleMissing: row(9, 'FAILED_PRECONDITION', 'etcdserver: root user does not have root role'),
  userExists: row(9, 'FAILED_PRECONDITION', 'etcdserver: user name already exists'),
  userNotFound: row(9, 'FAILED_PRECONDITION', 'etcdserver: user name not found'),
  roleExists: row(9, 'FAILED_PRECONDITION', 'etcdserver: role name already exists'),
  roleNotFound: row(9, 'FAILED_PRECONDITION', 'etcdserver: role name not found'),
  roleNotGranted: row(9, 'FAILED_PRECONDITION', 'etcdserver: role is not granted to the user'),
  permissionNotGranted: row(9, 'FAILED_PRECONDITION', 'etcdserver: permission is not granted to the role'),
  /** etcd has no gRPC status for it. */
  noPasswordUser: row(2, 'UNAUTHENTICATED', 'auth: authentication failed, password was given for no password user'),
  tooManyRequests: row(8, 'RESOURCE_EXHAUSTED', 'etcdserver: too many requests'),
  authNotEnabled: row(9, 'FAILED_PRECONDITION', 'etcdserver: authentication is not enabled'),
  authOldRevision: row(3, 'UNAUTHENTICATED', 'etcdserver: revision of auth store is old'),
  compacted: row(11, 'COMPACTED', 'etcdserver: mvcc: required revision has been compacted'),
  futureRevision: row(11, 'FUTURE_REVISION', 'etcdserver: mvcc: required revision is a future revision'),
  leaseTtlTooLarge: row(11, 'INVALID_TTL', 'etcdserver: too large lease TTL'),
  leaseNotFound: row(5, 'LEASE_NOT_FOUND', 'etcdserver: requested lease not found'),
  leaseExists: row(9, 'LEASE_EXISTS', 'etcdserver: lease already exists'),
  noSpace: row(8, 'RESOURCE_EXHAUSTED', 'etcdserver: mvcc: database space exceeded'),
  permissionDenied: row(7, 'PERMISSION_DENIED', 'etcdserver: permission denied'),
  invalidAuthToken: row(16, 'UNAUTHENTICATED', 'etcdserver: invalid auth token'),
  corrupt: row(15, 'INTERNAL', 'etcdserver: corrupt cluster'),
  memberUrlsInvalid: row(3, 'INVALID_ARGUMENT', 'etcdserver: given member URLs are invalid'),
  memberNotFound: row(5, 'NOT_FOUND', 'etcdserver: member not found'),
  peerUrlsExist: row(9, 'FAILED_PRECONDITION', 'etcdserver: Peer URLs already exists'),
  /** etcd answers it without a gRPC status, by mistake; clients know it so. */
  notEnoughMembers: row(
    2,
    'FAILED_PRECONDITION',
    'etcdserver: re-configuration failed due to not enough started members',
  ),
  notLearner: row(9, 'FAILED_PRECONDITION', 'etcdserver: can only promote a learner member'),
  badTransferee: row(9, 'FAILED_PRECONDITION', 'etcdserver: bad leader transferee'),
  notCapable: row(9, 'FAILED_PRECONDITION', 'etcdserver: not capable'),
  downgradeVersionFormat: row(3, 'INVALID_ARGUMENT', 'etcdserver: wrong downgrade target version format'),
  downgradeVersion: row(3, 'INVALID_ARGUMENT', 'etcdserver: invalid downgrade target version'),
  noDowngrade: row(9, 'FAILED_PRECONDITION', 'etcdserver: no inflight downgrade job'),
  noLeader: row(14, 'UNAVAILABLE', 'etcdserver: no leader'),
  leaderChanged: row(14, 'UNAVAILABLE', 'etcdserver: leader changed'),
  stopped: row(14, 'UNAVAILABLE', 'etcdserver: server stopped'),
  requestTimedOut: row(14, 'UNAVAILABLE', 'etcdserver: request timed out'),
} as const satisfies Record<string, Row>;

export type EtcdErrorName = keyof typeof etcdErrors;

/** The error that etcd would answer. */
export function etcdError(name: EtcdErrorName): ConclaveError {
  const { code, text } = etcdErrors[name];
  return new ConclaveError(code, text);
}

/** Whether the store has no room, or more to do than it takes on: that passes, and is no fault of the request. */
export function isOverfull(error: unknown): boolean {
  if (!ConclaveError.is(error, 'RESOURCE_EXHAUSTED')) return false;
  return isFull(error) || error.message === etcdErrors.tooManyRequests.text;
}

/** Whether the store has no room. */
export function isFull(error: unknown): boolean {
  return ConclaveError.is(error) && error.message === etcdErrors.noSpace.text;
}

const byText: ReadonlyMap<string, Row> = new Map(Object.values(etcdErrors).map((each) => [each.text, each]));

/**
 * gRPC status number and text that tell `error` to a peer. etcd's text alone does not give etcd's status: its Lock and
 * Election services tell all of them as UNKNOWN.
 */
export function statusOf(error: ConclaveError): { status: number; text: string } {
  const known = byText.get(error.message);
  const own = known?.code === error.code ? known.status : undefined;
  return { status: own ?? statusByCode[error.code] ?? Status.unknown, text: error.message };
}

/**
 * The error that a peer's gRPC status tells. Whether the request was applied is known only where the server has
 * looked at it and said no; everything that can happen on the way is `unknown`. So is what found no room: etcd says so
 * of the first requests above its quota and applies them (`quotaApplierV3`), and in the same words of those behind,
 * which it does not apply. And what has an answer was applied, though that be too large to be sent.
 */
export function errorOfStatus(status: number, text: string, cause?: unknown): ConclaveError {
  const code = byText.get(text)?.code ?? codeByStatus[status] ?? 'INTERNAL';
  const isDoubtful = undecided.has(status) || text === etcdErrors.noSpace.text || text.startsWith(answerTooLarge);
  const outcome = isDoubtful ? 'unknown' : 'not-applied';
  return new ConclaveError(code, text, { outcome, cause });
}

/** How gRPC begins to say so, and what it says of a request is not: `received message larger than max`. */
const answerTooLarge = 'grpc: trying to send message larger than max';

/** Statuses that a client, a proxy or a dying server may give after the request was applied. */
const undecided: ReadonlySet<number> = new Set([
  Status.cancelled,
  Status.unknown,
  Status.deadlineExceeded,
  Status.aborted,
  Status.internal,
  Status.unavailable,
  Status.dataLoss,
]);

const codeByStatus: Readonly<Record<number, ErrorCode>> = {
  [Status.cancelled]: 'CANCELLED',
  [Status.invalidArgument]: 'INVALID_ARGUMENT',
  [Status.deadlineExceeded]: 'TIMEOUT',
  [Status.notFound]: 'NOT_FOUND',
  [Status.permissionDenied]: 'PERMISSION_DENIED',
  [Status.resourceExhausted]: 'RESOURCE_EXHAUSTED',
  [Status.failedPrecondition]: 'FAILED_PRECONDITION',
  [Status.outOfRange]: 'INVALID_ARGUMENT',
  [Status.unimplemented]: 'UNSUPPORTED',
  [Status.unavailable]: 'UNAVAILABLE',
  [Status.unauthenticated]: 'UNAUTHENTICATED',
};

const statusByCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  INVALID_ARGUMENT: Status.invalidArgument,
  UNSUPPORTED: Status.unimplemented,
  UNAUTHENTICATED: Status.unauthenticated,
  PERMISSION_DENIED: Status.permissionDenied,
  NOT_FOUND: Status.notFound,
  FAILED_PRECONDITION: Status.failedPrecondition,
  RESOURCE_EXHAUSTED: Status.resourceExhausted,
  CANCELLED: Status.cancelled,
  INTERNAL: Status.internal,
  UNAVAILABLE: Status.unavailable,
  TIMEOUT: Status.deadlineExceeded,
  CLOSED: Status.unavailable,
};

function row(status: number, code: ErrorCode, text: string): Row {
  return { status, code, text };
}
