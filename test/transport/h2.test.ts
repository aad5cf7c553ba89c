import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { TestGrpc } from '../server/support/test-grpc.js';
import { describeTransport } from './conformance.js';

describeTransport(
  'the transport of our own',
  async (limits) => {
    const runtime = new SimRuntime();
    const grpc = await TestGrpc.start(runtime, limits, 'own');
    return {
      port: grpc.port,
      stats: () => grpc.stats(),
      advance: (ms) => runtime.advance(ms),
      closeServer: () => grpc.closeServer(),
    };
  },
  {},
);
