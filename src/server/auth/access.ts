import type { EngineHost } from '../../engine/engine-host.js';
import { checkRange } from '../../engine/range-query.js';
import { checkDeleteRange, checkPut, checkTxn } from '../../engine/txn-check.js';
import { authAdminMethods, clusterMethods, healthMethods, maintenanceMethods } from '../../wire/admin-methods.js';
import { AlarmAction } from '../../wire/codec/maintenance.js';
import { electionMethods, lockMethods } from '../../wire/concurrency-methods.js';
import { authMethods, kvMethods, leaseMethods, type UnaryMethod, watchMethods } from '../../wire/methods.js';
import type { Caller } from './caller.js';

/** Throws unless the caller may have `request` answered. `caller` throws where there is no user at all. */
export type AccessRule = (caller: () => Caller, request: unknown) => void;

/** Of a method that is not in the table: whatever is added is closed until somebody decides otherwise. */
export const rootOnly: AccessRule = (caller) => caller().requireRoot();

const anyUser: AccessRule = (caller) => void caller().name;
const everybody: AccessRule = () => {};

/**
 * Who may call what while authentication is enabled (protocol.md 4.3). Malformed requests are refused first, as etcd
 * does. Everything that is not named here is for root alone.
 */
export function accessRules(host: EngineHost): ReadonlyMap<string, AccessRule> {
  return new Map([...openRules(), ...keyRules(), ...leaseRules(host), ...adminRules()]);
}

/** `AuthStatus` as since etcd 3.7: clients ask it to find out whether they have to log in. */
function openRules(): Row[] {
  return [
    [authMethods.authenticate.path, everybody],
    [authAdminMethods.status.path, everybody],
    [healthMethods.check.path, everybody],
    // What these do to keys and leases they do with the caller's token, through the handlers that check it.
    ...[...Object.values(lockMethods), ...Object.values(electionMethods)].map(({ path }): Row => [path, everybody]),
  ];
}

function keyRules(): Row[] {
  return [
    row(kvMethods.range, (caller, request) => {
      checkRange(request);
      caller().keys()?.checkRange(request);
    }),
    row(kvMethods.put, (caller, request) => {
      checkPut(request);
      caller().keys()?.checkPut(request);
    }),
    row(kvMethods.deleteRange, (caller, request) => {
      checkDeleteRange(request);
      caller().keys()?.checkDelete(request);
    }),
    row(kvMethods.txn, (caller, request) => {
      // How many operations there may be is judged by the engine; how deep they nest was, by the codec.
      checkTxn(request, Number.MAX_SAFE_INTEGER);
      caller().keys()?.checkTxn(request);
    }),
    row(watchMethods.watch, (caller, request) => {
      if (request.type === 'create') caller().keys()?.checkWatch(request.request);
    }),
  ];
}

function leaseRules({ engine }: EngineHost): Row[] {
  return [
    [leaseMethods.grant.path, anyUser],
    row(leaseMethods.revoke, (caller, { id = 0n }) => caller().keys()?.checkLeaseWrite(id)),
    row(leaseMethods.keepAlive, (caller, { id = 0n }) => caller().keys()?.checkLeaseWrite(id)),
    row(leaseMethods.timeToLive, (caller, { id = 0n, keys }) => {
      const rights = caller().keys();
      if (keys) rights?.checkLeaseRead(id);
    }),
    row(leaseMethods.leases, (caller) => {
      const rights = caller().keys();
      if (rights !== undefined) for (const { id } of engine.leaseLeases().leases) rights.checkLeaseRead(id);
    }),
  ];
}

function adminRules(): Row[] {
  return [
    [maintenanceMethods.status.path, anyUser],
    [clusterMethods.memberList.path, anyUser],
    row(maintenanceMethods.alarm, (caller, { action }) => {
      const known = caller();
      if (action !== AlarmAction.get) known.requireRoot();
    }),
    row(authAdminMethods.userGet, (caller, { name }) => {
      const known = caller();
      if (name !== known.name) known.requireRoot();
    }),
    row(authAdminMethods.roleGet, (caller, { role }) => {
      const known = caller();
      if (!known.hasRole(role)) known.requireRoot();
    }),
  ];
}

type Row = readonly [path: string, rule: AccessRule];

function row<Request>(
  method: Pick<UnaryMethod<Request, unknown>, 'path' | 'request'>,
  rule: (caller: () => Caller, request: Request) => void,
): Row {
  return [method.path, rule as AccessRule];
}
