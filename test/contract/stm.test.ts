import { describeBackends } from '../support/backends.js';
import { stmContract } from './stm.contract.js';

describeBackends('transactions', stmContract);
