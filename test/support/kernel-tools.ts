import { spawnSync } from 'node:child_process';
import { executable } from './etcd/machine.js';

/** Why a process of a test cannot be run under strace; undefined: it can. */
export function cannotTrace(): string | undefined {
  const { status } = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']);
  return lacking('strace', 'setpriv') ?? (status === 0 ? undefined : 'this user may not trace processes');
}

/** Why a test cannot mount an image and use `tools` on it; undefined: it can. */
export function cannotMount(...tools: string[]): string | undefined {
  return (
    lacking('mount', 'umount', ...tools) ?? (process.getuid?.() === 0 ? undefined : 'only root may mount an image')
  );
}

function lacking(...programs: string[]): string | undefined {
  const missing = programs.find((program) => executable(program, process.env.PATH) === undefined);
  return missing && `no ${missing} on $PATH`;
}
