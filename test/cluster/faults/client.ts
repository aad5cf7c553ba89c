import type { ClientProcess } from '../client-process.js';
import { monotonicMs, sleep, until } from '../clock.js';
import type { Trial } from '../trial.js';
import type { Fault } from './fault.js';

/** Whoever holds something, if somebody does soon; else anybody. */
async function holder(trial: Trial): Promise<ClientProcess> {
  return (await nextHolder(trial, 1000)) ?? trial.random.pick(trial.live);
}

/** The next client that begins to hold something: what it does with it is still before it. */
export function nextHolder(trial: Trial, boundMs: number): Promise<ClientProcess | undefined> {
  const fromMs = monotonicMs();
  const began = ({ holding, heardAtMs, paused }: ClientProcess) => holding !== null && heardAtMs > fromMs && !paused;
  return until(boundMs, () => trial.live.find(began), 1);
}

/** SIGSTOP for longer than the TTL, of one that holds: it goes on as if nothing had happened. */
export const clientStop: Fault = {
  word: 'client-stop',
  run: async (trial) => {
    const stopped = [await holder(trial)];
    await trial.pauseClient(stopped[0] as ClientProcess);
    if (trial.random.chance(0.3)) {
      const second = await holder(trial);
      if (!stopped.includes(second)) {
        await trial.pauseClient(second);
        stopped.push(second);
      }
    }
    await sleep(trial.longMs + trial.random.between(0, 1000));
    for (const client of stopped) trial.resumeClient(client);
    await sleep(trial.random.between(300, 1000));
  },
};

/** The event loop of one that holds is blocked for longer than the TTL: its timers are late, its clocks are not. */
export const clientStall: Fault = {
  word: 'client-stall',
  run: async (trial) => {
    (await holder(trial)).order('stall');
    await sleep(trial.longMs + trial.random.between(500, 1500));
  },
};

/** SIGKILL of one that holds; another process comes in its place. */
export const clientKill: Fault = {
  word: 'client-kill',
  run: async (trial) => {
    await trial.replaceClient(await holder(trial));
    await sleep(trial.random.between(2500, 3500));
  },
};
