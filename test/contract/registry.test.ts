import { describeBackends } from '../support/backends.js';
import { registryContract } from './registry.contract.js';

describeBackends('the registry', registryContract);
