import { NodeRuntime } from '../node/node-runtime.js';
import { type DurableHost, openDurableHost } from '../storage/durable-host.js';
import { CliFailure, ExitCode } from './exit-code.js';
import { complain } from './output.js';

export interface DataFlags {
  readonly data?: string;
  readonly checkpointBytes: number;
  readonly reserveBytes: number;
  readonly unsafeNoFsync?: boolean;
  readonly quotaBackendBytes: number;
  readonly retainRevisions?: bigint;
}

/** The store of `--data`, if there is one. */
export async function openData({ data: dir, ...flags }: DataFlags): Promise<DurableHost | undefined> {
  const { checkpointBytes, reserveBytes, unsafeNoFsync, quotaBackendBytes: quotaBytes, retainRevisions } = flags;
  if (dir === undefined) {
    if (unsafeNoFsync) throw new CliFailure(ExitCode.invalidInput, '--unsafe-no-fsync needs --data');
    return undefined;
  }
  if (unsafeNoFsync) {
    complain('warning: --unsafe-no-fsync: a power cut may take acknowledged writes, or spoil the store');
  }
  try {
    const runtime = new NodeRuntime();
    const fsync = !unsafeNoFsync;
    const bounds = { checkpointBytes, reserveBytes, quotaBytes, retainRevisions };
    const data = await openDurableHost({ runtime, dir, pid: process.pid, fsync, gather: true, ...bounds });
    if (data.cutBytes > 0) {
      complain(
        `${dir}: cut off ${data.cutBytes} bytes of a last write that had not finished, and was not acknowledged`,
      );
    }
    return data;
  } catch (error) {
    throw diskFailure(error);
  }
}

export function diskFailure(error: unknown): CliFailure {
  return new CliFailure(ExitCode.io, error instanceof Error ? error.message : String(error), error);
}
