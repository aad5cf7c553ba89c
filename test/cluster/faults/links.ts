import { sleep } from '../clock.js';
import type { Flow } from '../pipe.js';
import { openLink, type TcpProxy } from '../tcp-proxy.js';
import type { Trial } from '../trial.js';
import type { Fault } from './fault.js';

const lost: Flow = { type: 'blackhole' };
const pass: Flow = { type: 'pass' };

/** The links of one client to all members, or to one of them. */
function someLinks(trial: Trial): readonly TcpProxy[] {
  const links = trial.links(trial.random.pick(trial.live).place);
  return trial.random.chance(0.7) ? links : [trial.random.pick(links)];
}

/** Packets of one client vanish, one way or both, for longer than the TTL. */
export const clientCut: Fault = {
  word: 'client-cut',
  run: async (trial) => {
    const links = someLinks(trial);
    const link = trial.random.pick([
      { up: lost, down: lost },
      { up: pass, down: lost },
      { up: lost, down: pass },
    ]);
    trial.note({ word: 'client-cut', links: links.length, up: link.up.type, down: link.down.type });
    for (const proxy of links) proxy.link = link;
    await sleep(trial.longMs);
    for (const proxy of links) proxy.link = openLink;
    await sleep(500);
  },
};

/** Links that work, slowly: delayed by up to a third of the TTL, or dripping. */
export const slowLinks: Fault = {
  word: 'slow-links',
  run: async (trial) => {
    const ms = trial.random.between(50, 700);
    const flow: Flow = trial.random.chance(0.5) ? { type: 'delay', ms } : { type: 'drip', bytes: 40 };
    trial.note({ word: 'slow-links', flow: flow.type, ...(flow.type === 'delay' && { ms }) });
    const links = trial.live.filter(() => trial.random.chance(0.5)).flatMap(({ place }) => trial.links(place));
    for (const proxy of links) proxy.link = { up: flow, down: flow };
    await sleep(trial.longMs);
    for (const proxy of links) proxy.link = openLink;
    await sleep(500);
  },
};

/** Connections that are reset, or that one side takes for ended while the other does not. */
export const brokenLinks: Fault = {
  word: 'broken-links',
  run: async (trial) => {
    for (let turn = 0; turn < 8; turn++) {
      const how = trial.random.pick(['reset', 'refused', 'half server', 'half client'] as const);
      const links = someLinks(trial);
      for (const proxy of links) breakLink(proxy, how);
      await sleep(trial.random.between(100, 600));
      for (const proxy of links) proxy.link = openLink;
    }
    await sleep(500);
  },
};

function breakLink(proxy: TcpProxy, how: 'reset' | 'refused' | 'half server' | 'half client'): void {
  if (how === 'half server') {
    proxy.halfClose('server');
  } else if (how === 'half client') {
    proxy.halfClose('client');
  } else {
    if (how === 'refused') proxy.link = { ...openLink, refused: true };
    proxy.cut();
  }
}
