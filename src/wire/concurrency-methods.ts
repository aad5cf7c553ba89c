import type { HeaderOnly } from './codec/common.js';
import * as election from './codec/election.js';
import * as lock from './codec/lock.js';
import type { DuplexMethod, UnaryMethod } from './methods.js';

/** `v3lockpb.Lock`: locks for clients that have no recipes of their own (jetcd, Rust, Python, curl). */
export const lockMethods = {
  lock: {
    path: '/v3lockpb.Lock/Lock',
    request: lock.lockRequest,
    response: lock.lockResponse,
  } satisfies UnaryMethod<lock.LockRequest, lock.LockResponse>,
  unlock: {
    path: '/v3lockpb.Lock/Unlock',
    request: lock.unlockRequest,
    response: lock.unlockResponse,
  } satisfies UnaryMethod<lock.UnlockRequest, HeaderOnly>,
} as const;

/** `v3electionpb.Election`. */
export const electionMethods = {
  campaign: {
    path: '/v3electionpb.Election/Campaign',
    request: election.campaignRequest,
    response: election.campaignResponse,
  } satisfies UnaryMethod<election.CampaignRequest, election.CampaignResponse>,
  proclaim: {
    path: '/v3electionpb.Election/Proclaim',
    request: election.proclaimRequest,
    response: election.proclaimResponse,
  } satisfies UnaryMethod<election.ProclaimRequest, HeaderOnly>,
  leader: {
    path: '/v3electionpb.Election/Leader',
    request: election.leaderRequest,
    response: election.leaderResponse,
  } satisfies UnaryMethod<election.LeaderRequest, election.LeaderResponse>,
  /** One request, then answers for as long as the caller listens. */
  observe: {
    path: '/v3electionpb.Election/Observe',
    request: election.leaderRequest,
    response: election.leaderResponse,
    duplex: true,
  } satisfies DuplexMethod<election.LeaderRequest, election.LeaderResponse>,
  resign: {
    path: '/v3electionpb.Election/Resign',
    request: election.resignRequest,
    response: election.resignResponse,
  } satisfies UnaryMethod<election.ResignRequest, HeaderOnly>,
} as const;
