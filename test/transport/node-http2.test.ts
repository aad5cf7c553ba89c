import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { TestGrpc } from '../server/support/test-grpc.js';
import { describeTransport } from './conformance.js';

const known = {
  'sends the status though the last byte has used the window up':
    'node:http2 asks nghttp2 for the trailers only when the window is open again, as the next update makes it',
};

describeTransport(
  'the transport over node:http2',
  async (limits) => {
    const runtime = new SimRuntime();
    const grpc = await TestGrpc.start(runtime, limits, 'node');
    return {
      port: grpc.port,
      stats: () => grpc.stats(),
      advance: (ms) => runtime.advance(ms),
      closeServer: () => grpc.closeServer(),
    };
  },
  known,
);
