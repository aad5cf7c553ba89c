import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A wire to `url` that can be cut: both ends see their connections reset. */
export interface Wire {
  readonly url: string;
  off(): void;
}

export async function startWire(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((near) => {
    const far = keep(connect({ host: hostname, port: Number(port) }));
    keep(near).pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    off: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
