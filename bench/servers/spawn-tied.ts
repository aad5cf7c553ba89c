import { type ChildProcess, spawn } from 'node:child_process';
import { executable } from '../../test/support/etcd/machine.js';

/** With util-linux at hand the kernel ends it with this process, whichever way that ends. */
export function spawnTied(file: string, args: readonly string[], log: number): ChildProcess {
  const setpriv = executable('setpriv', process.env.PATH);
  const stdio: ['ignore', number, number] = ['ignore', log, log];
  if (setpriv === undefined) return spawn(file, args, { stdio });
  return spawn(setpriv, ['--pdeathsig', 'KILL', file, ...args], { stdio });
}
