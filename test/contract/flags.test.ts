import { describeBackends } from '../support/backends.js';
import { flagsContract } from './flags.contract.js';

describeBackends('flags', flagsContract);
