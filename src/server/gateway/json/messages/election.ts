import { field, message } from '../message-type.js';
import { header, headerOnly, keyValue, only } from './common.js';

const leaderKey = message('v3electionpb.LeaderKey', () => ({
  name: field(1, 'bytes'),
  key: field(2, 'bytes'),
  rev: field(3, 'int64'),
  lease: field(4, 'int64'),
}));

export const campaignRequest = message('v3electionpb.CampaignRequest', () => ({
  name: field(1, 'bytes'),
  lease: field(2, 'int64'),
  value: field(3, 'bytes'),
}));

export const campaignResponse = message('v3electionpb.CampaignResponse', () => ({
  header,
  leader: field(2, leaderKey),
}));

export const proclaimRequest = message('v3electionpb.ProclaimRequest', () => ({
  leader: field(1, leaderKey),
  value: field(2, 'bytes'),
}));

export const proclaimResponse = headerOnly('v3electionpb.ProclaimResponse');
export const leaderRequest = only('v3electionpb.LeaderRequest', 'name', field(1, 'bytes'));
export const leaderResponse = message('v3electionpb.LeaderResponse', () => ({ header, kv: field(2, keyValue) }));
export const resignRequest = only('v3electionpb.ResignRequest', 'leader', field(1, leaderKey));
export const resignResponse = headerOnly('v3electionpb.ResignResponse');
