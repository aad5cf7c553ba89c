import { sleep } from '../clock.js';
import type { Member } from '../member.js';
import type { SeatNetwork, SiteKind } from '../sites/site.js';
import type { Trial } from '../trial.js';
import type { Fault } from './fault.js';

/** Takes back everything that the faults of this file do. */
export async function healNetwork(network: SeatNetwork): Promise<void> {
  await network.plug();
  await network.run('iptables', ['-F', 'INPUT']);
  await network.run('iptables', ['-F', 'OUTPUT']);
}

/** The network of a member; the suite asks for these faults only where there is one. */
function networkOf({ name, network }: Member): SeatNetwork {
  if (network === undefined) throw new Error(`${name} has no network of its own`);
  return network;
}

const missing = async (site: SiteKind) =>
  site === 'processes' ? 'members as plain processes share one network' : undefined;

/** The cable of the leader is pulled: neither peers nor clients reach it, and nobody is told. */
export const leaderUnplugged: Fault = {
  word: 'leader-unplugged',
  missing,
  run: async (trial) => {
    const network = networkOf(await trial.cluster.needLeader());
    await network.unplug();
    await sleep(trial.longMs);
    await healNetwork(network);
    await sleep(1500);
  },
};

/** The leader is gone as by a power cut: nothing tells its end, so whoever was connected holds half a connection. */
export const leaderPowerCut: Fault = {
  word: 'leader-power-cut',
  missing,
  run: async (trial) => {
    const leader = await trial.cluster.needLeader();
    await networkOf(leader).unplug();
    await leader.kill();
    trial.note({ killed: leader.name });
    await sleep(trial.longMs);
    // Where the network ends with the process, there is no cable to plug in before it is back.
    await networkOf(leader).plug();
    await leader.start();
    await sleep(2500);
  },
};

/** A firewall at the leader: it hears nobody, nobody hears it, or whoever connects is turned away. */
export const leaderFirewall: Fault = {
  word: 'leader-firewall',
  missing,
  run: async (trial) => {
    const network = networkOf(await trial.cluster.needLeader());
    const rule = trial.random.pick([
      ['INPUT', '-j', 'DROP'],
      ['OUTPUT', '-j', 'DROP'],
      ['INPUT', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset'],
    ]);
    trial.note({ word: 'leader-firewall', rule: rule.join(' ') });
    await network.run('iptables', ['-A', ...rule]);
    await sleep(trial.longMs);
    await healNetwork(network);
    await sleep(1500);
  },
};

/** Two members lose each other, while the third and all clients reach both. */
export const pairCut: Fault = {
  word: 'pair-cut',
  missing,
  run: async (trial) => {
    const { members, peers } = trial.cluster;
    const leader = members.indexOf(await trial.cluster.needLeader());
    const other = (leader + 1 + trial.random.below(members.length - 1)) % members.length;
    for (const [from, to] of [
      [leader, other],
      [other, leader],
    ] as const) {
      const rule = ['-p', 'tcp', '--dport', String(peers.portOf(to)), '-j', 'DROP'];
      await networkOf(members[from] as Member).run('iptables', ['-A', 'OUTPUT', ...rule]);
    }
    await sleep(trial.longMs);
    await healAll(trial);
    await sleep(1500);
  },
};

/**
 * Packets of every member get lost at random, those that open connections too: TCP sends them again, later and later.
 */
export const packetLoss: Fault = {
  word: 'packet-loss',
  missing,
  run: async (trial) => {
    const share = trial.random.between(0.05, 0.3).toFixed(2);
    trial.note({ word: 'packet-loss', share });
    const rule = ['-m', 'statistic', '--mode', 'random', '--probability', share, '-j', 'DROP'];
    for (const member of trial.cluster.members) {
      for (const chain of ['INPUT', 'OUTPUT']) await networkOf(member).run('iptables', ['-A', chain, ...rule]);
    }
    await sleep(trial.longMs);
    await healAll(trial);
    await sleep(1000);
  },
};

/** Every socket of the leader is ended by the kernel, again and again. */
export const socketsKilled: Fault = {
  word: 'sockets-killed',
  missing,
  run: async (trial) => {
    for (let turn = 0; turn < 6; turn++) {
      const leader = await trial.cluster.leader();
      if (leader !== undefined) await networkOf(leader).run('ss', ['-K', 'state', 'established']);
      await sleep(trial.random.between(100, 700));
    }
    await sleep(500);
  },
};

async function healAll({ cluster }: Trial): Promise<void> {
  for (const member of cluster.members) await healNetwork(networkOf(member));
}
