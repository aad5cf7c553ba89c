import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { etcdError } from '../../store/etcd-errors.js';
import { clusterMethods as methods } from '../../wire/admin-methods.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import { unaryHandler } from './unary-handler.js';

/** `etcdserverpb.Cluster` of one member, which leads. Its answers have no revision, as etcd's. */
export function clusterHandlers(
  host: EngineHost,
  clientUrls: () => readonly string[],
): UnaryHandler<unknown, unknown>[] {
  const id = host.engine.header().memberId;
  /** Nobody connects to them; kept since tools set them and read them back. */
  let peerUrls: readonly string[] = [];
  const header = () => host.engine.header(0n);
  const members = () => [{ id, name: 'conclave', peerUrls, clientUrls: clientUrls(), isLearner: false }];
  return [
    unaryHandler(methods.memberList, () => ({ header: header(), members: members() })),
    unaryHandler(methods.memberAdd, ({ peerUrls: added }) => {
      checkPeerUrls(added);
      if (added.some((url) => peerUrls.includes(url))) throw etcdError('peerUrlsExist');
      throw new ConclaveError('UNSUPPORTED', 'conclave: a server has one member; for more, move the data to etcd');
    }),
    unaryHandler(methods.memberRemove, (request) => {
      if (request.id !== id) throw etcdError('memberNotFound');
      throw etcdError('notEnoughMembers');
    }),
    unaryHandler(methods.memberUpdate, (request) => {
      checkPeerUrls(request.peerUrls);
      if (request.id !== id) throw etcdError('memberNotFound');
      peerUrls = [...request.peerUrls].sort();
      return { header: header(), members: members() };
    }),
    unaryHandler(methods.memberPromote, (request) => {
      if (request.id !== id) throw etcdError('memberNotFound');
      throw etcdError('notLearner');
    }),
  ];
}

/** etcd's rule: at least one, and each a scheme, host and port without a path. */
function checkPeerUrls(urls: readonly string[]): void {
  const form = /^(https?:\/\/(\[[0-9a-fA-F:.%]+\]|[^/?#@:\s[\]]*):\d{1,5}|unixs?:\/\/[^/?#\s]+)$/;
  if (urls.length === 0 || !urls.every((url) => form.test(url))) throw etcdError('memberUrlsInvalid');
}
