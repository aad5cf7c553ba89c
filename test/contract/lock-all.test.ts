import { describeBackends } from '../support/backends.js';
import { lockAllContract } from './lock-all.contract.js';

describeBackends('lockAll', lockAllContract);
