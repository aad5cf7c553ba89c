import { Cluster } from './cluster.js';
import { Witness } from './witness.js';
import { monotonicMs, sleep } from './clock.js';
export async function main(): Promise<number> {
  const t = monotonicMs();
  const cluster = await Cluster.start({ etcd: '/usr/bin/etcd' });
  console.log('up', monotonicMs() - t);
  const witness = new Witness(cluster); witness.start();
  let leader = await cluster.needLeader();
  console.log(leader.name, cluster.members.map(m=>m.id));
  await leader.gateway.put('a','1');
  for (const how of ['both','hears nothing','is not heard'] as const) {
    leader = await cluster.needLeader();
    cluster.peers.isolate(cluster.members.indexOf(leader), how);
    const t1 = monotonicMs();
    for (;;) { const l = await cluster.leader(); if (l && l !== leader) { console.log(how, 'new leader', l.name, monotonicMs()-t1); break; } if (monotonicMs()-t1>8000) {console.log(how,'none', l?.name); break;} await sleep(50); }
    cluster.peers.heal();
    const r = await (await cluster.needLeader()).gateway.put('a',how);
    console.log('put', r, await witness.reaches(r, 5000));
  }
  leader = await cluster.needLeader();
  const t2=monotonicMs(); await leader.kill(); const l2 = await cluster.needLeader(); console.log('kill', leader.name, l2.name, monotonicMs()-t2);
  await leader.start(); await cluster.heal();
  console.log(witness.events.length, witness.problem);
  console.log(1); await witness.stop(); console.log(2);for (const m of cluster.members) await m.kill(); console.log(3); await cluster.peers.close(); console.log(process.getActiveResourcesInfo()); await cluster.close(); await sleep(300); for (const h of (process as any)._getActiveHandles()) console.log(h.constructor.name, h.localPort, h.remotePort, h.destroyed, h.readyState, h.connecting, h.writableLength, h.writableEnded, h.writableFinished, h.readableEnded, h.resetAndClosing);console.log(cluster.members.map(m=>m.clientPort));
  return 0;
}
