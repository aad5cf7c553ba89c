import { spawnSync } from 'node:child_process';
import { executable } from './etcd/machine.js';

/** Why a process of a test cannot be run under strace; undefined: it can. */
export function untraceable(): string | undefined {
  const missing = ['strace', 'setpriv'].find((program) => executable(program, process.env.PATH) === undefined);
  if (missing !== undefined) return `no ${missing} on $PATH`;
  const { status } = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']);
  return status === 0 ? undefined : 'this user may not trace processes';
}
