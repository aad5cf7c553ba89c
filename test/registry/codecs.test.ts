import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { entryOf } from '../../src/registry/codec.js';
import { custom } from '../../src/registry/codecs/custom.js';
import { goMicro } from '../../src/registry/codecs/go-micro.js';
import { goNaming } from '../../src/registry/codecs/go-naming.js';
import { goZero } from '../../src/registry/codecs/go-zero.js';
import { kratos } from '../../src/registry/codecs/kratos.js';
import { inWorld } from '../support/sim-world.js';

const name = { service: 'users', id: 'a' };
const spec = { address: '10.0.0.9:80', version: '2', protocol: 'grpc', metadata: { team: 'x' } };

describe('a format', () => {
  it('REGISTRY-12: of Go keeps everything', () => {
    const entry = entryOf(
      { ...spec, zone: 'eu', weight: 7, metadata: { deep: { a: [1, null] } } },
      { owner: 'o', enabled: false, healthy: false, draining: true, warmUpMs: 5, startedAtMs: 9 },
    );
    expect(goNaming.decode(goNaming.encode(entry, name), name)).toEqual(entry);
  });

  it.each([
    [
      kratos,
      '{"id":"a","name":"users","version":"2","metadata":{"team":"x"},' +
        '"endpoints":["grpc://10.0.0.9:80?isSecure=false"]}',
    ],
    [goZero, '10.0.0.9:80'],
    [
      goMicro,
      '{"name":"users","version":"2","metadata":{},"endpoints":[],' +
        '"nodes":[{"id":"a","address":"10.0.0.9:80","metadata":{"protocol":"grpc","team":"x"}}]}',
    ],
  ] as const)('REGISTRY-12: $0.name is written as its clients read it, and read', (codec, text) => {
    const written = codec.encode(entryOf(spec, { owner: 'o' }), name);
    expect(utf8Text(written)).toBe(text);
    expect(codec.decode(utf8(text), name)).toMatchObject({ address: '10.0.0.9:80', enabled: true, healthy: true });
  });

  it.each([
    [goNaming, ['', 'null', '[]', '{}', '{"Addr":7}', '{"Addr":"a:1","Metadata":{"owner":"o","weight":0}}']],
    [kratos, ['', '{}', '{"endpoints":[]}', '{"endpoints":[3]}', '{"endpoints":["nothing"]}']],
    [goZero, ['', 'nothing', '{"a":1}', 'h:0']],
    [goMicro, ['', '{}', '{"nodes":[]}', '{"nodes":[{}]}', '{"nodes":["x"]}']],
  ] as const)('REGISTRY-12: $0.name refuses what is no entry', (codec, texts) => {
    for (const text of texts) expect(() => codec.decode(utf8(text), name), text).toThrow();
  });

  it('REGISTRY-12: does not let an entry reach into prototypes', () => {
    const text = '{"Addr":"a:1","Metadata":{"owner":"o","meta":{"__proto__":{"polluted":true}}}}';
    const { metadata } = goNaming.decode(utf8(text), name);
    expect((metadata as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([
    ['kratos', kratos, '/microservices/users/a'],
    ['go-zero', goZero, 'users/a'],
    ['go-micro', goMicro, '/micro/registry/users/a'],
  ] as const)('REGISTRY-12: %s has its own root, and a disabled instance leaves it', (_, codec, key) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const registry = conclave.registry;
      const registration = await world.until(
        registry.register({ service: 'users', id: 'a', address: 'h:1' }, { codec }),
      );
      expect((await world.keys(key)).length).toBe(1);
      const users = registry.discover('users', { codec });
      await world.until(users.ready());
      expect(users.instances).toMatchObject([{ service: 'users', id: 'a', address: 'h:1' }]);
      await world.until(registration.update({ address: 'h:2' }));
      await world.settle();
      expect(users.instances).toMatchObject([{ address: 'h:2' }]);
      await world.truth.leaseRevoke({ id: conclave.session.leaseId });
      await world.advance(10_000);
      expect(registration.status).toBe('registered');
      await world.until(registration.drain());
      expect(await world.keys(key)).toEqual([]);
      await expect(registry.setEnabled('users', 'a', false, { codec })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
      await world.until(registration.deregister());
      users.close();
    }),
  );

  it('REGISTRY-12: of go-micro has no "/" in the names of services, where its own clients look', () =>
    inWorld(async (world) => {
      const { registry } = world.client().conclave;
      const service = 'team/users';
      await world.until(registry.register({ service, id: 'a', address: 'h:1' }, { codec: goMicro }));
      const [kv] = (await world.truth.range({ key: utf8('/micro/registry/team-users/a') })).kvs;
      expect(JSON.parse(utf8Text(kv?.value ?? utf8('null')))).toMatchObject({ name: service });
      const users = registry.discover(service, { codec: goMicro });
      await world.until(users.ready());
      expect(users.instances).toMatchObject([{ service, id: 'a' }]);
      users.close();
    }));

  it('REGISTRY-12: of one’s own', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const codec = custom({
        root: 'mine/',
        encode: ({ address }, { id }) => `${id}=${address}`,
        decode: (value) => ({ address: utf8Text(value).split('=')[1] ?? '' }),
      });
      await world.until(conclave.registry.register({ service: 's', id: 'i', address: 'h:1' }, { codec }));
      const [kv] = await world.keys('mine/s/i');
      expect(utf8Text(kv?.value ?? utf8(''))).toBe('i=h:1');
    }));
});
