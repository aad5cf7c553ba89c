import type { ClientProcess } from './client-process.js';
import { until } from './clock.js';
import { nextHolder } from './faults/client.js';
import type { Trial } from './trial.js';

/** Far more than it takes: a bound for a run that hangs, not a measure. */
const boundMs = 30_000;
/** What a client has said before it was stopped is heard by then. */
const hearsayMs = 100;
const attempts = 20;

/** SIGKILL of the leader; back when another leads and every client has got somewhere since. */
export async function killLeaderUntilAllMoved(trial: Trial): Promise<void> {
  await allMove(trial, 'before the fault');
  trial.note({ window: 'leader-kill' });
  const leader = await trial.cluster.needLeader();
  await leader.kill();
  trial.note({ killed: leader.name });
  await trial.cluster.needLeader();
  await allMove(trial, 'after the leader was killed');
  await leader.start();
}

/** SIGSTOP of a client that holds a lock, until another has taken it over and let go of it; then it goes on. */
export async function stopHolderUntilTakenOver(trial: Trial): Promise<void> {
  await allMove(trial, 'before the fault');
  trial.note({ window: 'client-stop' });
  const stopped = await stopHolder(trial);
  const line = stopped.holding;
  const another = await until(boundMs, () => trial.live.find((each) => each !== stopped && each.holding === line), 1);
  if (another === undefined) throw new Error(`nobody has taken ${line} over from a client that stands still`);
  await until(boundMs, () => another.holding !== line);
  trial.resumeClient(stopped);
}

/** One may let go at the very moment at which it is stopped: then it is let go on, and the next is tried. */
async function stopHolder(trial: Trial): Promise<ClientProcess> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const client = await nextHolder(trial, boundMs);
    if (client === undefined) break;
    await trial.pauseClient(client);
    const letGo = await until(hearsayMs, () => client.holding === null);
    if (letGo === undefined) return client;
    trial.resumeClient(client);
  }
  throw new Error('no client could be stopped while it held a lock');
}

async function allMove(trial: Trial, when: string): Promise<void> {
  const before = new Map(trial.live.map((client) => [client, client.progress]));
  const all = () => [...before].every(([client, progress]) => client.progress >= progress + 4);
  if ((await until(boundMs, all)) === undefined) throw new Error(`not every client got somewhere ${when}`);
}
