import { sleep } from '../clock.js';
import type { Isolation } from '../peer-network.js';
import type { Trial } from '../trial.js';
import type { Fault } from './fault.js';

/** SIGKILL; back with its data after a while. */
export const leaderKill: Fault = {
  word: 'leader-kill',
  run: async (trial) => {
    const leader = await trial.cluster.needLeader();
    await leader.kill();
    trial.note({ killed: leader.name });
    await sleep(trial.random.between(300, 2500));
    await leader.start();
    await sleep(trial.random.between(2000, 3500));
  },
};

/** SIGSTOP for longer than the TTL: what it had queued is done when it goes on (etcd #12528, #15247). */
export const leaderStop: Fault = {
  word: 'leader-stop',
  run: async (trial) => {
    const leader = await trial.cluster.needLeader();
    await leader.pause();
    await sleep(trial.longMs + trial.random.between(0, 1500));
    await leader.resume();
    await sleep(1500);
  },
};

/** Cut off from the other members, one way or both; clients still reach it. */
export const leaderCut: Fault = {
  word: 'leader-cut',
  run: async (trial) => {
    const leader = await trial.cluster.needLeader();
    const how = trial.random.pick<Isolation>(['both', 'hears nothing', 'is not heard']);
    trial.note({ word: 'leader-cut', how });
    trial.cluster.peers.isolate(trial.cluster.members.indexOf(leader), how);
    await sleep(trial.longMs);
    trial.cluster.peers.heal();
    await sleep(1500);
  },
};

/** The links between the members are slow, by more than a heartbeat of raft. */
export const slowPeers: Fault = {
  word: 'slow-peers',
  run: async (trial: Trial) => {
    const ms = trial.random.between(20, 120);
    trial.note({ word: 'slow-peers', ms });
    trial.cluster.peers.links = { up: { type: 'delay', ms }, down: { type: 'delay', ms } };
    await sleep(trial.longMs);
    trial.cluster.peers.heal();
    await sleep(500);
  },
};
