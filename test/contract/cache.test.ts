import { describeBackends } from '../support/backends.js';
import { cacheContract } from './cache.contract.js';

describeBackends('caches', cacheContract);
