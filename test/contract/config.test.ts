import { describeBackends } from '../support/backends.js';
import { configContract } from './config.contract.js';

describeBackends('configuration', configContract);
