import { field, message } from '../message-type.js';
import { header, headerOnly, only } from './common.js';

export const lockRequest = message('v3lockpb.LockRequest', () => ({
  name: field(1, 'bytes'),
  lease: field(2, 'int64'),
}));

export const lockResponse = message('v3lockpb.LockResponse', () => ({ header, key: field(2, 'bytes') }));
export const unlockRequest = only('v3lockpb.UnlockRequest', 'key', field(1, 'bytes'));
export const unlockResponse = headerOnly('v3lockpb.UnlockResponse');
