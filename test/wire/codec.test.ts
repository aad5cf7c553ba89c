import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import type { RequestOp, TxnRequest } from '../../src/store/messages.js';
import {
  authAdminMethods as admin,
  clusterMethods as cluster,
  maintenanceMethods as maintenance,
} from '../../src/wire/admin-methods.js';
import type { Codec } from '../../src/wire/codec/codec.js';
import type { DowngradeInfo } from '../../src/wire/codec/maintenance.js';
import { sharedWatchResponse } from '../../src/wire/codec/watch.js';
import { authMethods, kvMethods, leaseMethods, watchMethods } from '../../src/wire/methods.js';
import * as arbitrary from '../support/arbitrary-messages.js';
import { expectSameMessage, loadOracle } from '../support/protobuf-oracle.js';

const oracle = loadOracle();

interface Row {
  readonly name: string;
  /** Fails unless a random message means the same to us and to protobufjs, both ways. */
  check(): void;
  readonly codec: Codec<unknown>;
  readonly sample: fc.Arbitrary<Uint8Array>;
}

function row<Message>(name: string, codec: Codec<Message>, messages: fc.Arbitrary<Message>): Row {
  const check = () =>
    fc.assert(
      fc.property(messages, (message) =>
        expectSameMessage(codec, oracle(`etcdserverpb.${name}`), message, (actual, expected) =>
          expect(actual).toEqual(expected),
        ),
      ),
    );
  return { name, check, codec: codec as Codec<unknown>, sample: messages.map((message) => codec.encode(message)) };
}

const rows = [
  row('RangeRequest', kvMethods.range.request, arbitrary.rangeRequest),
  row('RangeResponse', kvMethods.range.response, arbitrary.rangeResponse),
  row('PutRequest', kvMethods.put.request, arbitrary.putRequest),
  row('PutResponse', kvMethods.put.response, arbitrary.putResponse),
  row('DeleteRangeRequest', kvMethods.deleteRange.request, arbitrary.deleteRangeRequest),
  row('DeleteRangeResponse', kvMethods.deleteRange.response, arbitrary.deleteRangeResponse),
  row('TxnRequest', kvMethods.txn.request, arbitrary.txnRequest),
  row('TxnResponse', kvMethods.txn.response, arbitrary.txnResponse),
  row('CompactionRequest', kvMethods.compact.request, arbitrary.compactionRequest),
  row('CompactionResponse', kvMethods.compact.response, arbitrary.headerOnly),
  row('WatchRequest', watchMethods.watch.request, arbitrary.watchRequest),
  row('WatchResponse', watchMethods.watch.response, arbitrary.watchResponse),
  row('LeaseGrantRequest', leaseMethods.grant.request, arbitrary.lease.grantRequest),
  row('LeaseGrantResponse', leaseMethods.grant.response, arbitrary.lease.grantResponse),
  row('LeaseRevokeRequest', leaseMethods.revoke.request, arbitrary.lease.idRequest),
  row('LeaseRevokeResponse', leaseMethods.revoke.response, arbitrary.headerOnly),
  row('LeaseKeepAliveRequest', leaseMethods.keepAlive.request, arbitrary.lease.idRequest),
  row('LeaseKeepAliveResponse', leaseMethods.keepAlive.response, arbitrary.lease.keepAliveResponse),
  row('LeaseTimeToLiveRequest', leaseMethods.timeToLive.request, arbitrary.lease.timeToLiveRequest),
  row('LeaseTimeToLiveResponse', leaseMethods.timeToLive.response, arbitrary.lease.timeToLiveResponse),
  row('LeaseLeasesRequest', leaseMethods.leases.request, arbitrary.lease.leasesRequest),
  row('LeaseLeasesResponse', leaseMethods.leases.response, arbitrary.lease.leasesResponse),
  row('AuthenticateRequest', authMethods.authenticate.request, arbitrary.authenticateRequest),
  row('AuthenticateResponse', authMethods.authenticate.response, arbitrary.authenticateResponse),
  ...adminRows(),
];

/** Auth, Cluster and Maintenance. Fields that are newer than the oracle's files have a test of their own below. */
function adminRows(): Row[] {
  const { header, int64, uint64, bytes, headerOnly } = arbitrary;
  const text = fc.string();
  const texts = fc.array(fc.string(), { maxLength: 3 });
  const flag = fc.boolean();
  const nothing = fc.constant({});
  const uint32 = fc.nat(2 ** 32 - 1);
  const none = <T>() => fc.constant<T | undefined>(undefined);
  const permission = fc.record({ permType: fc.nat(2), key: bytes, rangeEnd: bytes });
  const options = fc.option(fc.record({ noPassword: flag }), { nil: undefined });
  const member = fc.record({ id: uint64, name: text, peerUrls: texts, clientUrls: texts, isLearner: flag });
  const members = fc.record({ header, members: fc.array(member, { maxLength: 2 }) });
  const maybeHeader = fc.option(header, { nil: undefined });
  const empty = fc.constant('');
  const status = {
    ...{ header, version: text, dbSize: int64, leader: uint64, raftIndex: uint64, raftTerm: uint64, isLearner: flag },
    ...{ raftAppliedIndex: uint64, errors: texts, dbSizeInUse: int64, storageVersion: empty },
    ...{ dbSizeQuota: fc.constant(0n), downgradeInfo: none<DowngradeInfo>() },
  };
  const alarm = fc.record({ memberId: uint64, alarm: fc.nat(2) });
  return [
    row('AuthEnableRequest', admin.enable.request, nothing),
    row('AuthDisableResponse', admin.disable.response, headerOnly),
    row('AuthStatusResponse', admin.status.response, fc.record({ header, enabled: flag, authRevision: uint64 })),
    row(
      'AuthUserAddRequest',
      admin.userAdd.request,
      fc.record({ name: text, password: text, options, hashedPassword: empty }),
    ),
    row('AuthUserGetRequest', admin.userGet.request, fc.record({ name: text })),
    row('AuthUserGetResponse', admin.userGet.response, fc.record({ header, roles: texts })),
    row('AuthUserListResponse', admin.userList.response, fc.record({ header, users: texts })),
    row('AuthUserDeleteRequest', admin.userDelete.request, fc.record({ name: text })),
    row(
      'AuthUserChangePasswordRequest',
      admin.userChangePassword.request,
      fc.record({ name: text, password: text, hashedPassword: empty }),
    ),
    row('AuthUserGrantRoleRequest', admin.userGrantRole.request, fc.record({ user: text, role: text })),
    row('AuthUserRevokeRoleRequest', admin.userRevokeRole.request, fc.record({ name: text, role: text })),
    row('AuthRoleAddRequest', admin.roleAdd.request, fc.record({ name: text })),
    row('AuthRoleGetRequest', admin.roleGet.request, fc.record({ role: text })),
    row('AuthRoleGetResponse', admin.roleGet.response, fc.record({ header, perm: fc.array(permission) })),
    row('AuthRoleListResponse', admin.roleList.response, fc.record({ header, roles: texts })),
    row('AuthRoleDeleteRequest', admin.roleDelete.request, fc.record({ role: text })),
    row(
      'AuthRoleGrantPermissionRequest',
      admin.roleGrantPermission.request,
      fc.record({ name: text, perm: fc.option(permission, { nil: undefined }) }),
    ),
    row(
      'AuthRoleRevokePermissionRequest',
      admin.roleRevokePermission.request,
      fc.record({ role: text, key: bytes, rangeEnd: bytes }),
    ),
    row('MemberListRequest', cluster.memberList.request, fc.record({ linearizable: flag })),
    row('MemberListResponse', cluster.memberList.response, members),
    row('MemberAddRequest', cluster.memberAdd.request, fc.record({ peerUrls: texts, isLearner: flag })),
    row(
      'MemberAddResponse',
      cluster.memberAdd.response,
      fc.record({ header, member: fc.option(member, { nil: undefined }), members: fc.array(member, { maxLength: 2 }) }),
    ),
    row('MemberRemoveRequest', cluster.memberRemove.request, fc.record({ id: uint64 })),
    row('MemberUpdateRequest', cluster.memberUpdate.request, fc.record({ id: uint64, peerUrls: texts })),
    row('MemberPromoteRequest', cluster.memberPromote.request, fc.record({ id: uint64 })),
    row('MemberPromoteResponse', cluster.memberPromote.response, members),
    row('StatusRequest', maintenance.status.request, nothing),
    row('StatusResponse', maintenance.status.response, fc.record(status)),
    row(
      'AlarmRequest',
      maintenance.alarm.request,
      fc.record({ action: fc.nat(2), memberId: uint64, alarm: fc.nat(2) }),
    ),
    row('AlarmResponse', maintenance.alarm.response, fc.record({ header, alarms: fc.array(alarm, { maxLength: 3 }) })),
    row('DefragmentResponse', maintenance.defragment.response, fc.record({ header: maybeHeader })),
    row('HashResponse', maintenance.hash.response, fc.record({ header, hash: uint32 })),
    row('HashKVRequest', maintenance.hashKv.request, fc.record({ revision: int64 })),
    row(
      'HashKVResponse',
      maintenance.hashKv.response,
      fc.record({ header, hash: uint32, compactRevision: int64, hashRevision: fc.constant(0n) }),
    ),
    row(
      'SnapshotResponse',
      maintenance.snapshot.response,
      fc.record({ header: maybeHeader, remainingBytes: uint64, blob: bytes, version: empty }),
    ),
    row('MoveLeaderRequest', maintenance.moveLeader.request, fc.record({ targetId: uint64 })),
    row('DowngradeRequest', maintenance.downgrade.request, fc.record({ action: fc.nat(2), version: text })),
    row('DowngradeResponse', maintenance.downgrade.response, fc.record({ header, version: text })),
  ];
}

describe('codec against protobufjs', () => {
  for (const { name, check } of rows) it(`${name}: the bytes of each mean the same to the other`, check);
});

/** Runs `decode`, which may only succeed or throw `INTERNAL`. */
function decodeSafely(codec: Codec<unknown>, bytes: Uint8Array): void {
  try {
    codec.decode(bytes);
  } catch (error) {
    if (!ConclaveError.is(error, 'INTERNAL')) throw error;
  }
}

describe('codec against malformed bytes', () => {
  for (const { name, codec, sample } of rows) {
    it(`${name}: random bytes decode or throw INTERNAL`, () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => decodeSafely(codec, bytes)));
    });
    it(`${name}: a message with a flipped byte or a lost end decodes or throws INTERNAL`, () => {
      fc.assert(
        fc.property(sample, fc.nat(), fc.nat(255), fc.nat(), (bytes, at, byte, length) => {
          const changed = Uint8Array.from(bytes);
          if (changed.length > 0) changed[at % changed.length] = byte;
          decodeSafely(codec, changed.subarray(0, length % (changed.length + 1)));
        }),
      );
    });
  }

  const cases: [string, number[]][] = [
    ['a length beyond the end', [0x0a, 5, 1]],
    ['a huge length', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a varint without end', [0x18, ...Array<number>(11).fill(0xff)]],
    ['a varint that is cut off', [0x18, 0x80]],
    ['field number 0', [0x00, 1]],
    ['a known field of another wire type', [0x08, 1]],
    ['a group', [0xfb, 0x01, 0xfc, 0x01]],
    ['wire type 7', [0xff, 0x01]],
  ];
  for (const [what, bytes] of cases) {
    it(`refuses ${what}`, () => {
      expect(() => kvMethods.range.request.decode(Uint8Array.from(bytes))).toThrowError(/malformed protobuf message/);
    });
  }
});

describe('codec', () => {
  it('writes and reads the fields that the oracle is too old for, under their numbers', () => {
    const user = { name: '', password: '', options: undefined, hashedPassword: 'h' };
    expect([...admin.userAdd.request.encode(user)]).toEqual([0x22, 1, 0x68]);
    expect([...admin.userChangePassword.request.encode(user)]).toEqual([0x1a, 1, 0x68]);
    const { status, hashKv, snapshot } = maintenance;
    const bare = status.response.decode(new Uint8Array(0));
    const info = { enabled: true, targetVersion: 'v' };
    const full = { ...bare, storageVersion: 's', dbSizeQuota: 5n, downgradeInfo: info };
    const bytes = [0x5a, 1, 0x73, 0x60, 5, 0x6a, 5, 0x08, 1, 0x12, 1, 0x76];
    expect([...status.response.encode(full).subarray(2)]).toEqual(bytes);
    expect(status.response.decode(Uint8Array.from(bytes))).toEqual(full);
    expect(hashKv.response.decode(Uint8Array.from([0x20, 9])).hashRevision).toBe(9n);
    expect(snapshot.response.decode(Uint8Array.from([0x22, 1, 0x76])).version).toBe('v');
  });

  it('skips unknown fields of every wire type', () => {
    const known = [0x0a, 1, 0x61];
    const unknown = [
      0xa0, 0x06, 0x96, 0x01, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xa2, 0x06, 2, 9, 9, 0xa5, 0x06, 1, 2, 3, 4,
    ];
    const decoded = kvMethods.put.request.decode(Uint8Array.from([...unknown, ...known, ...unknown]));
    expect(decoded.key).toEqual(Buffer.from('a'));
  });

  it('lets the last of two scalars win', () => {
    const decoded = kvMethods.range.request.decode(Uint8Array.from([0x18, 1, 0x18, 2]));
    expect(decoded.limit).toBe(2n);
  });

  it('lets the last member of a oneof win', () => {
    const decoded = kvMethods.txn.request.decode(Uint8Array.from([0x0a, 5, 0x20, 1, 0x3a, 1, 0x62]));
    expect(decoded.compare?.[0]).toMatchObject({ version: undefined, value: Buffer.from('b') });
  });

  it('sends the operand that the target names, though others are given', () => {
    const bytes = kvMethods.txn.request.encode({
      compare: [{ target: 3, key: Buffer.from('k'), version: 1n, value: Buffer.from('v') }],
    });
    expect(kvMethods.txn.request.decode(bytes).compare?.[0]).toMatchObject({
      version: undefined,
      value: Buffer.from('v'),
    });
  });

  it('reads repeated enums packed and unpacked', () => {
    const packed = Uint8Array.from([0x0a, 4, 0x2a, 2, 0, 1]);
    const unpacked = Uint8Array.from([0x0a, 4, 0x28, 0, 0x28, 1]);
    for (const bytes of [packed, unpacked]) {
      expect(watchMethods.watch.request.decode(bytes)).toMatchObject({ type: 'create', request: { filters: [0, 1] } });
    }
  });

  it('writes a negative int64 in ten bytes', () => {
    expect(leaseMethods.revoke.request.encode({ id: -1n })).toHaveLength(11);
  });

  it('refuses to write what does not fit an int64', () => {
    const tooLarge = () => leaseMethods.revoke.request.encode({ id: 2n ** 63n });
    expect(tooLarge).toThrowError(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('reads txns nested 60 deep and refuses 10,000 without overflowing the stack', () => {
    expect(depthOf(kvMethods.txn.request.decode(nested(60)))).toBe(60);
    expect(() => kvMethods.txn.request.decode(nested(10_000))).toThrowError(/nested more than/);
  });
});

/** The bytes of a txn with `depth` txns inside each other. */
function nested(depth: number): Uint8Array {
  let bytes = kvMethods.txn.request.encode({});
  for (let i = 0; i < depth; i++) bytes = wrap(2, wrap(4, bytes));
  return bytes;
}

function wrap(field: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = content.length;
  for (; rest >= 0x80; rest >>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([field * 8 + 2, ...length, rest]), content]);
}

function depthOf(txn: TxnRequest): number {
  const inner = txn.success?.find((op): op is RequestOp & { type: 'txn' } => op.type === 'txn');
  return inner === undefined ? 0 : 1 + depthOf(inner.request);
}

describe('a server’s watch responses', () => {
  it('are the same bytes whether or not they share header and event with the one before', () => {
    const told = fc.tuple(arbitrary.watchResponse, fc.array(fc.nat(3), { maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(told, { minLength: 1, maxLength: 4 }), (all) => {
        const shared = sharedWatchResponse();
        const plain = watchMethods.watch.response;
        for (const [response, alike] of all) {
          // The very objects, told again with other ids and with more or less beside them.
          for (const i of alike) {
            const { events } = all[i % all.length]?.[0] ?? response;
            const message = { ...response, watchId: BigInt(i), events: i === 0 ? events : events.slice(0, 1) };
            expect(Buffer.compare(shared.encode(message), plain.encode(message))).toBe(0);
          }
        }
      }),
    );
  });
});
