import { type Bytes, noBytes, sameBytes } from '../../core/bytes.js';
import { proclaim } from '../../election/proclaim.js';
import type { SessionContext } from '../../lease/session.js';
import { removePlace } from '../../line/leave.js';
import { plainPrefix } from '../../line/place.js';
import { seeFirst } from '../../line/sight.js';
import { etcdError } from '../../store/etcd-errors.js';
import type { HeaderOnly } from '../../wire/codec/common.js';
import type {
  CampaignRequest,
  CampaignResponse,
  LeaderKey,
  LeaderRequest,
  LeaderResponse,
  ProclaimRequest,
  ResignRequest,
} from '../../wire/codec/election.js';
import { electionMethods } from '../../wire/concurrency-methods.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import { answering, texts, toldAs } from '../concurrency/client-error.js';
import type { Places, Wish } from '../concurrency/places.js';

/** `v3electionpb.Election`, without `Observe`. */
export function electionHandlers(places: Places): UnaryHandler<unknown, unknown>[] {
  return [campaignHandler(places), proclaimHandler(places), leaderHandler(places), resignHandler(places)];
}

/** Standing again with the same lease is to wait on in the same place; with another value it proclaims that first. */
function campaignHandler(places: Places): UnaryHandler<CampaignRequest, CampaignResponse> {
  return {
    method: electionMethods.campaign,
    handle: ({ name = noBytes, lease = 0n, value = noBytes }, caller) =>
      answering(texts.notLeader, async () => {
        const context = places.contextOf(caller);
        const onFound: Wish['onFound'] = async (
          leaseId,
          { key, createRevision, modRevision, value: stands },
          signal,
        ) => {
          if (sameBytes(stands, value)) return;
          const candidacy = { key, term: createRevision, leaseId, valueRevision: modRevision };
          if ((await proclaim(context, signal, candidacy, value)) === undefined) throw toldAs(texts.notLeader);
        };
        const { turn, lease: used } = await places.take({ name, lease, value, onFound }, caller);
        return { header: turn.entered, leader: { name, key: turn.key, rev: turn.fence, lease: used } };
      }),
  };
}

/** As in etcd a candidate that does not lead yet may proclaim as well. */
function proclaimHandler(places: Places): UnaryHandler<ProclaimRequest, HeaderOnly> {
  return {
    method: electionMethods.proclaim,
    handle: ({ leader, value = noBytes }, caller) =>
      answering(texts.notLeader, async () => {
        const { key, rev, lease } = given(leader);
        const candidacy = { key, term: rev, leaseId: lease === 0n ? undefined : lease, valueRevision: rev };
        const proclaimed = await places.answered(caller, (signal) =>
          proclaim(places.contextOf(caller), signal, candidacy, value),
        );
        if (proclaimed === undefined) throw toldAs(texts.notLeader);
        return { header: proclaimed.header };
      }),
  };
}

function leaderHandler(places: Places): UnaryHandler<LeaderRequest, LeaderResponse> {
  return {
    method: electionMethods.leader,
    handle: ({ name = noBytes }, caller) =>
      answering(texts.noLeader, async () => {
        const { store }: SessionContext = places.contextOf(caller);
        const { first, header } = await seeFirst(store, plainPrefix(name), caller.signal);
        if (first === undefined) throw toldAs(texts.noLeader);
        return { header, kv: first };
      }),
  };
}

/** To resign what is lost or was resigned before is fine. */
function resignHandler(places: Places): UnaryHandler<ResignRequest, HeaderOnly> {
  return {
    method: electionMethods.resign,
    handle: ({ leader }, caller) =>
      answering(texts.notLeader, async () => {
        const { key, rev } = given(leader);
        const resign = (signal: AbortSignal) => removePlace(places.contextOf(caller), signal, key, rev);
        return { header: (await places.answered(caller, resign)).header };
      }),
  };
}

function given(leader: LeaderKey | undefined): { key: Bytes; rev: bigint; lease: bigint } {
  if (leader === undefined) throw toldAs(texts.leaderMissing);
  const { key = noBytes, rev = 0n, lease = 0n } = leader;
  if (key.length === 0) throw etcdError('emptyKey');
  return { key, rev, lease };
}
