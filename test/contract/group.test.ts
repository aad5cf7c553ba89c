import { describeBackends } from '../support/backends.js';
import { groupContract } from './group.contract.js';

describeBackends('groups', groupContract);
