import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { deferred } from '../../src/core/deferred.js';
import { BoundedWork } from '../../src/server/auth/bounded-work.js';
import { PasswordHasher } from '../../src/server/auth/password-hash.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { authAdminMethods as admin, maintenanceMethods } from '../../src/wire/admin-methods.js';
import { authMethods, kvMethods } from '../../src/wire/methods.js';
import { AuthWorld, outcomeOf } from './support/auth-world.js';

const key = utf8('app/1');
const badToken = '16 etcdserver: invalid auth token';
const failed = '3 etcdserver: authentication failed, invalid user ID or password';

describe('logging in', () => {
  let world: AuthWorld;
  beforeEach(async () => {
    world = new AuthWorld();
    await world.populate();
  });
  afterEach(() => world.host.close());

  const get = (token?: string) => world.outcome(kvMethods.range, { key }, token);
  const withMetadata = (metadata: Record<string, string>) => {
    const context = { metadata, signal: new AbortController().signal };
    return outcomeOf(world.service.unary(kvMethods.range.path)?.handle({ key }, context) as Promise<unknown>);
  };
  const authenticate = (name: string, password: string, address?: string) =>
    outcomeOf(world.call(authMethods.authenticate, { name, password }, undefined, { address }));

  it('gives a token of 16 letters, a dot and a number, another one each time', async () => {
    const tokens = [await world.login('alice'), await world.login('alice')];
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z]{16}\.\d+$/);
    expect(tokens[0]).not.toBe(tokens[1]);
    expect(await Promise.all(tokens.map(get))).toEqual(['OK', 'OK']);
  });

  // etcd-difference: metadata-bearer
  it('takes the token as `token`, as `authorization`, and after `Bearer`', async () => {
    const token = await world.login('alice');
    expect(await withMetadata({ token })).toBe('OK');
    expect(await withMetadata({ authorization: token })).toBe('OK');
    expect(await withMetadata({ authorization: `Bearer ${token}` })).toBe('OK');
    expect(await withMetadata({ token: `${token}, other` })).toBe('OK');
    expect(await withMetadata({ token: 'other', authorization: token })).toBe(badToken);
    expect(await withMetadata({ authorization: `Basic ${token}` })).toBe(badToken);
    expect(await withMetadata({ token: '' })).toBe(badToken);
    expect(await withMetadata({})).toBe('3 etcdserver: user name is empty');
  });

  it('forgets a token that was not used for 300 s, and no sooner', async () => {
    const token = await world.login('alice');
    for (let i = 0; i < 3; i++) {
      await world.runtime.advance(299_000);
      expect(await get(token)).toBe('OK');
    }
    await world.runtime.advance(300_000);
    expect(await get(token)).toBe(badToken);
  });

  it("drops a user's tokens when the password changes, and all when authentication is disabled", async () => {
    const [alice, root] = [await world.login('alice'), await world.login('root')];
    const change = { name: 'alice', password: 'new', hashedPassword: '' };
    await world.call(admin.userChangePassword, change, root);
    expect(await get(alice)).toBe(badToken);
    expect(await authenticate('alice', 'alice-pw')).toBe(failed);
    const again = await world.login('alice', 'new');
    await world.call(admin.disable, {}, root);
    await world.call(admin.enable, {});
    expect([await get(again), await get(root)]).toEqual([badToken, badToken]);
  });

  it('drops the tokens of a user that is deleted; one of the same name begins anew', async () => {
    const [alice, root] = [await world.login('alice'), await world.login('root')];
    await world.call(admin.userDelete, { name: 'alice' }, root);
    await world.addUser('alice', 'app');
    expect(await get(alice)).toBe(badToken);
  });

  it('answers an unknown user, a wrong password and none in the same way', async () => {
    expect(await authenticate('alice', 'wrong')).toBe(failed);
    expect(await authenticate('nobody', 'wrong')).toBe(failed);
    expect(await authenticate('', '')).toBe(failed);
    expect(await authenticate('alice', '')).toBe(failed);
  });

  it('answers a user without a password as etcd does, and never logs it in', async () => {
    const root = await world.login('root');
    const request = { name: 'carol', password: 'x', options: { noPassword: true }, hashedPassword: 'eA==' };
    await world.call(admin.userAdd, request, root);
    const text = '2 auth: authentication failed, password was given for no password user';
    expect(await authenticate('carol', 'x')).toBe(text);
    await world.call(admin.userChangePassword, { name: 'carol', password: 'y', hashedPassword: '' }, root);
    expect(await authenticate('carol', 'y')).toBe(text);
  });

  it('knows a user by its certificate, unless there is a token', async () => {
    const call = (token: string | undefined, certificateName: string) =>
      outcomeOf(world.call(kvMethods.range, { key }, token, { certificateName }));
    expect(await call(undefined, 'alice')).toBe('OK');
    expect(await call(undefined, 'nora')).toBe('7 etcdserver: permission denied');
    expect(await call(undefined, 'nobody')).toBe('7 etcdserver: permission denied');
    expect(await call('bad', 'alice')).toBe(badToken);
  });

  // etcd-difference: login-rate
  it('takes 20 wrong passwords at once from an address, then 5 a second; right ones do not count', async () => {
    const attempts = async (count: number, password: string, address: string) => {
      const outcomes: string[] = [];
      for (let i = 0; i < count; i++) outcomes.push(await authenticate('alice', password, address));
      return outcomes.filter((outcome) => !outcome.includes('too many requests')).length;
    };
    expect(await attempts(100, 'alice-pw', '10.0.0.1')).toBe(100);
    expect(await attempts(100, 'wrong', '10.0.0.1')).toBe(20);
    expect(await attempts(1, 'alice-pw', '10.0.0.1')).toBe(0);
    expect(await attempts(1, 'alice-pw', '10.0.0.2')).toBe(1);
    await world.runtime.advance(2_000);
    expect(await attempts(100, 'wrong', '10.0.0.1')).toBe(10);
  });

  it('lets a fleet in that comes back at once from one address, by one name or by many', async () => {
    const login = (name: string) => authenticate(name, `${name}-pw`, '10.0.0.1');
    const names = Array.from({ length: 50 }, (_, i) => `service-${i}`);
    for (const name of names) await world.addUser(name);
    expect(new Set(await Promise.all(Array.from({ length: 200 }, () => login('alice'))))).toEqual(new Set(['OK']));
    expect(new Set(await Promise.all(names.map(login)))).toEqual(new Set(['OK']));
  });

  it('counts guesses that are made at the same time, too', async () => {
    const guess = (i: number) => authenticate('alice', `wrong ${i}`, '10.0.0.1');
    await Promise.all(Array.from({ length: 40 }, (_, i) => guess(i)));
    await world.runtime.advance(4_000);
    expect(await guess(40)).toContain('too many requests');
    await world.runtime.advance(200);
    expect(await guess(41)).toBe(failed);
  });

  it('asks again whether the caller is root once the hash of a new password is there', async () => {
    const root = await world.login('root');
    const request = { name: 'x', password: 'x', options: undefined, hashedPassword: '' };
    const adding = outcomeOf(world.call(admin.userAdd, request, root));
    const changing = outcomeOf(
      world.call(admin.userChangePassword, { name: 'alice', password: 'x', hashedPassword: '' }, root),
    );
    world.auth.disable();
    world.auth.revokeRole('root', 'root');
    // Enabling needs root to be root: somebody else's journal may tell otherwise.
    world.auth.restore([{ revision: 99n, changes: [{ type: 'enabled', enabled: true }] }]);
    const denied = '7 etcdserver: permission denied';
    expect([await adding, await changing]).toEqual([denied, denied]);
    expect(world.auth.user('x')).toBeUndefined();
  });

  it('says no password, hash or token in errors, snapshots of users or answers', async () => {
    const token = await world.login('alice');
    const texts = [
      await authenticate('alice', 'swordfish'),
      await world.outcome(admin.userList, {}, token),
      await get(`${token}x`),
      await world.outcome(maintenanceMethods.status, {}, 'swordfish'),
      JSON.stringify(await world.call(admin.userGet, { name: 'alice' }, token), (_, value) => String(value)),
    ];
    for (const text of texts) {
      expect(text).not.toContain('swordfish');
      expect(text).not.toContain(token);
      expect(text).not.toContain('$2a$');
    }
    for (const { passwordHash } of ['root', 'alice'].map((name) => world.auth.getUser(name))) {
      expect(utf8Text(passwordHash)).toMatch(/^\$2a\$04\$/);
      expect(utf8Text(passwordHash)).not.toContain('-pw');
    }
    const entries = world.entries.map((entry) => JSON.stringify(entry, (_, each) => plainOf(each))).join('\n');
    expect(entries).not.toContain('alice-pw');
  });
});

function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return utf8Text(value);
  return typeof value === 'bigint' ? String(value) : value;
}

describe('password hashes', () => {
  const hashers: PasswordHasher[] = [];
  const hasherOf = (cost: number) => {
    const hasher = new PasswordHasher(new SimRuntime(), cost);
    hashers.push(hasher);
    return hasher;
  };
  afterEach(() => {
    for (const hasher of hashers.splice(0)) hasher.close();
  });

  it('match their own password only, and differ for the same one', async () => {
    const hasher = hasherOf(4);
    const [a, b] = [await hasher.hash('x'), await hasher.hash('x')];
    expect(utf8Text(a)).not.toBe(utf8Text(b));
    expect(await hasher.matches('x', a)).toBe(true);
    expect(await hasher.matches('y', a)).toBe(false);
    expect(await hasher.matches('', hasher.decoy())).toBe(false);
    for (const junk of ['', 'x', '$2a$10$abc', utf8Text(a).replace('$04$', '$31$')])
      expect(await hasher.matches('x', utf8(junk))).toBe(false);
  });

  it('are those that Go computes, and other versions of them', async () => {
    const hasher = hasherOf(4);
    // From golang.org/x/crypto/bcrypt, which etcd uses.
    const go = '$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga';
    expect(await hasher.matches('allmine', utf8(go))).toBe(true);
    expect(await hasher.matches('allmin', utf8(go))).toBe(false);
    expect(await hasher.matches('allmine', utf8(go.replace('$2a$', '$2b$')))).toBe(true);
  });

  it('stay valid when the cost changes', async () => {
    const hash = await hasherOf(4).hash('x');
    expect(await hasherOf(5).matches('x', hash)).toBe(true);
  });

  it('are refused for passwords of which bcrypt would not see the end, and for costs it lacks', async () => {
    const hasher = hasherOf(4);
    const longest = 'ä'.repeat(36);
    expect(await hasher.matches(longest, await hasher.hash(longest))).toBe(true);
    await expect(hasher.hash(`${longest}x`)).rejects.toThrow('bcrypt: password length exceeds 72 bytes');
    for (const cost of [3, 32, 4.5]) expect(() => hasherOf(cost)).toThrow("bcrypt's cost must be from 4 to 31");
  });

  it('are computed so many at a time; those beyond are refused, and no answer is mixed up', async () => {
    const hasher = hasherOf(4);
    const password = (i: number) => `password ${i}`;
    const results = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => hasher.hash(password(i))));
    const done = results.flatMap((each, i) => (each.status === 'fulfilled' ? [{ i, hash: each.value }] : []));
    expect(done.length).toBeGreaterThanOrEqual(65);
    expect(done.length).toBeLessThanOrEqual(68);
    for (const { i, hash } of done) expect(await hasher.matches(password(i), hash)).toBe(true);
    const refused = results.filter((each) => each.status === 'rejected');
    for (const { reason } of refused) expect(String(reason)).toContain('too many requests');
  });

  it('of a server that closes are told as an error', async () => {
    const hasher = hasherOf(14);
    const hash = hasher.hash('x');
    await Promise.resolve();
    hasher.close();
    await expect(hash).rejects.toThrow('its thread has ended');
  });

  it('are taken from the caller where there is no password, as etcd 3.5 does', async () => {
    const world = new AuthWorld();
    await world.populate();
    const hash = await hasherOf(4).hash('brought');
    const hashedPassword = Buffer.from(hash).toString('base64');
    const root = await world.login('root');
    await world.call(admin.userAdd, { name: 'eve', password: '', options: undefined, hashedPassword }, root);
    await world.login('eve', 'brought');
    await world.call(admin.userAdd, { name: 'max', password: 'own', options: undefined, hashedPassword }, root);
    await world.login('max', 'own');
    await world.call(admin.userChangePassword, { name: 'max', password: '', hashedPassword }, root);
    await world.login('max', 'brought');
    await expect(world.login('max', 'own')).rejects.toThrow('authentication failed');
    const nonsense = { name: 'max', password: '', hashedPassword: 'no base64' };
    expect(await world.outcome(admin.userChangePassword, nonsense, root)).toMatch(/no password user/);
    world.host.close();
  });
});

describe('BoundedWork', () => {
  it('runs some, lets some wait in order, and refuses the rest', async () => {
    const work = new BoundedWork(2, 3);
    const gates = Array.from({ length: 6 }, () => deferred());
    const started: number[] = [];
    const run = (i: number) =>
      work.run(async () => {
        started.push(i);
        await gates[i]?.promise;
      });
    const runs = [0, 1, 2, 3, 4].map(run);
    await Promise.resolve();
    expect(started).toEqual([0, 1]);
    await expect(run(5)).rejects.toThrow('etcdserver: too many requests');
    for (const gate of gates) gate.resolve();
    await Promise.all(runs);
    expect(started).toEqual([0, 1, 2, 3, 4]);
    await run(5);
    expect(started).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('gives the place on when work fails', async () => {
    const work = new BoundedWork(1, 1);
    const failing = work.run(() => Promise.reject(new Error('no')));
    const next = work.run(async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});
