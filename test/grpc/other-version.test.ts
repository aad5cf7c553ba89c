import { expect, it, vi } from 'vitest';
import { connect } from '../../src/connect/connect.js';
import { registerResolver } from '../../src/grpc/register-resolver.js';

vi.mock('@grpc/grpc-js', async (original) => ({ ...(await original<object>()), experimental: {} }));

it('a version of grpc-js without resolvers is refused with a word that says so', async () => {
  await using conclave = await connect('memory:');
  expect(() => registerResolver(conclave.registry)).toThrow('written for 1.14');
});
