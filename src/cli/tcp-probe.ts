import { connect } from 'node:net';
import { onAbort } from '../core/abort.js';

/** Whether somebody takes connections at `address`: `host:port`, a URL with both, or `unix:/path`. */
export function tcpProbe(address: string): (signal: AbortSignal) => Promise<boolean> {
  const target = targetOf(address);
  return (signal) =>
    new Promise((resolve) => {
      const socket = connect(target);
      const finish = (open: boolean) => {
        unlink();
        socket.destroy();
        resolve(open);
      };
      const unlink = onAbort(signal, () => finish(false));
      socket.once('connect', () => finish(true));
      socket.once('error', () => finish(false));
    });
}

function targetOf(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const [, host = '', port] = /^(?:[^/]*:\/\/)?(.*?):(\d+)(?:[/?].*)?$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
