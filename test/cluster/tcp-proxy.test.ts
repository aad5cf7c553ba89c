import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectNoLeaks } from '../support/leaks.js';
import { type Flow, pass } from './pipe.js';
import { openLink, TcpProxy } from './tcp-proxy.js';

const blackhole: Flow = { type: 'blackhole' };

describe('a proxy between two sockets', () => {
  expectNoLeaks();
  let server: Server;
  let proxy: TcpProxy;
  let client: Socket;
  let peer: Socket;

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = new TcpProxy({ targetPort: (server.address() as AddressInfo).port });
    await proxy.listen();
    const accepted = once(server, 'connection');
    client = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    [peer] = (await accepted) as [Socket];
    for (const socket of [client, peer]) socket.on('error', () => {});
  });

  afterEach(async () => {
    client.destroy();
    peer.destroy();
    await proxy.close();
    server.close();
  });

  it('passes bytes both ways', async () => {
    client.write('up');
    expect(await text(peer, 2)).toBe('up');
    peer.write('down');
    expect(await text(client, 4)).toBe('down');
  });

  it('holds back one way only, and goes on where it was when that is over', async () => {
    proxy.link = { up: pass, down: blackhole };
    let seen = '';
    client.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    peer.write('held back');
    client.write('up');
    expect(await text(peer, 2)).toBe('up');
    expect(seen).toBe('');
    proxy.link = openLink;
    await once(client, 'data');
    expect(seen).toBe('held back');
  });

  it('keeps the order of what it delays', async () => {
    proxy.link = { up: { type: 'delay', ms: 30 }, down: pass };
    for (const word of ['one ', 'two ', 'three']) client.write(word);
    expect(await text(peer, 13)).toBe('one two three');
  });

  it('drips', async () => {
    proxy.link = { up: { type: 'drip', bytes: 3 }, down: pass };
    const sizes: number[] = [];
    peer.on('data', (chunk: Buffer) => sizes.push(chunk.length));
    client.write('abcdefgh');
    expect(await text(peer, 8)).toBe('abcdefgh');
    expect(sizes.length).toBeGreaterThan(1);
  });

  it('tells one side of an end, while it still hears that side', async () => {
    proxy.halfClose('client');
    client.resume();
    await once(client, 'end');
    client.write('still there');
    expect(await text(peer, 11)).toBe('still there');
  });

  it('resets connections, and refuses new ones', async () => {
    proxy.link = { ...openLink, refused: true };
    const reset = closed(client);
    client.resume();
    proxy.cut();
    await reset;
    const late = connect({ port: proxy.port, host: '127.0.0.1' });
    late.on('error', () => {});
    await closed(late);
    expect(late.bytesRead).toBe(0);
  });
});

describe('a proxy that asks who connects', () => {
  expectNoLeaks();

  it('gives each source its own link', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new TcpProxy({
      targetPort: (server.address() as AddressInfo).port,
      sourceOf: (head) => /from (\w+)\r\n/.exec(head)?.[1],
      link: (source) => ({ ...openLink, refused: source === 'bad' }),
    });
    await proxy.listen();
    const [good, bad] = ['good', 'bad'].map((name) => {
      const socket = connect({ port: proxy.port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.write(`from ${name}\r\n`);
      return socket;
    }) as [Socket, Socket];
    const accepted = once(server, 'connection');
    await closed(bad);
    const [peer] = (await accepted) as [Socket];
    expect(await text(peer, 11)).toBe('from good\r\n');
    good.destroy();
    peer.destroy();
    await proxy.close();
    server.close();
  });
});

/** Whether by an error or not. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** The next `length` bytes. */
async function text(socket: Socket, length: number): Promise<string> {
  let seen = '';
  const onData = (chunk: Buffer) => {
    seen += chunk.toString();
  };
  socket.on('data', onData);
  while (seen.length < length) await once(socket, 'data');
  socket.off('data', onData);
  return seen;
}
