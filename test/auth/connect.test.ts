import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { connect } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { PasswordHasher } from '../../src/server/auth/password-hash.js';
import { type Server, startServer } from '../../src/server/server.js';
import { PermissionType } from '../../src/store/auth-messages.js';
import { expectNoLeaks } from '../support/leaks.js';

describe('connect() with a user and a password', () => {
  expectNoLeaks();
  const runtime = new NodeRuntime();
  const host = new EngineHost(runtime);
  const { auth } = host;
  const hasher = new PasswordHasher(runtime, 4);
  let server: Server;

  beforeAll(async () => {
    for (const name of ['root', 'alice']) {
      auth.addUser({ name, passwordHash: await hasher.hash(`${name}-pw`), noPassword: false });
    }
    auth.grantRole('root', 'root');
    auth.addRole('app');
    auth.grantPermission('app', {
      permType: PermissionType.readWrite,
      key: utf8('/app/'),
      rangeEnd: utf8('/app0'),
    });
    auth.grantRole('alice', 'app');
    auth.enable();
    const listen = { host: '127.0.0.1', port: 0 };
    server = await startServer({ runtime, listen, host, hasher });
  });
  afterAll(async () => {
    await server.close();
    host.close();
    hasher.close();
  });

  const alice = { username: 'alice', password: 'alice-pw' };

  it('does what the user may, locks included, and is refused the rest', async () => {
    await using conclave = await connect(server.url, alice);
    await conclave.put('/app/k', 'v');
    expect((await conclave.get('/app/k'))?.value.toString()).toBe('v');
    expect(await conclave.withLock('/app/lock', ({ fence }) => fence > 0n)).toBe(true);
    await expect(conclave.put('/other', 'v')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(conclave.lock('/other')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('logs in again when its token is gone', async () => {
    await using conclave = await connect(server.url, alice);
    await conclave.put('/app/k', '1');
    auth.disable();
    auth.enable();
    await conclave.put('/app/k', '2');
    expect((await conclave.get('/app/k'))?.value.toString()).toBe('2');
  });

  it('is refused with a wrong password, which no error tells', async () => {
    const error: unknown = await connect(server.url, { username: 'alice', password: 'swordfish' })
      .then((conclave) => conclave.put('/app/k', 'v').finally(() => conclave.close()))
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain('swordfish');
  });

  it('is refused without credentials', async () => {
    const attempt = connect(server.url).then((conclave) => conclave.put('/app/k', 'v').finally(() => conclave.close()));
    await expect(attempt).rejects.toMatchObject({ message: expect.stringContaining('user name is empty') });
  });
});
