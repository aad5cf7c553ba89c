import { describeBackends } from '../support/backends.js';
import { electionContract } from './election.contract.js';

describeBackends('elections', electionContract);
