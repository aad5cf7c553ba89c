import { pause } from '../../core/abort.js';
import { breakLock } from '../../inspect/break.js';
import { inspectLock } from '../../inspect/inspect.js';
import type { SimClient } from '../sim-client.js';
import { expectFailure } from './expected-errors.js';

/** Looks who holds, thinks about it, and breaks that one, who may have let go by then. */
export async function breakHolder(client: SimClient, name: string, line: string, thinkMs: number): Promise<void> {
  const fence = await holderOf(client, name);
  if (fence === undefined) return;
  await pause(client.process, thinkMs);
  const pending = client.recorder.invoke(client.name, line, 'lock.break', { fence });
  try {
    pending.ok(await breakLock(client.context, name, { ifFence: fence }));
  } catch (error) {
    pending.threw(error);
    expectFailure(error);
  }
}

/** Undefined if nobody holds, or it could not be read. */
async function holderOf(client: SimClient, name: string): Promise<bigint | undefined> {
  try {
    return (await inspectLock(client.context, name)).holder?.fence;
  } catch (error) {
    expectFailure(error);
    return undefined;
  }
}
