// Two instances of a gRPC service, and a client of grpc-js that calls them by the service's name.
// Run: node examples/registry-grpc.js [memory: | http://127.0.0.1:2379]
import grpc from '@grpc/grpc-js';
import { connect } from 'conclave';
import { registerResolver, tieHealth } from 'conclave/grpc';
import { HealthImplementation } from 'grpc-health-check';

const text = { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString() };
const greeter = {
  greet: {
    path: '/example.Greeter/Greet',
    requestStream: false,
    responseStream: false,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  },
};

const conclave = await connect(process.argv[2] ?? 'memory:');
registerResolver(conclave.registry);

const a = await start('a');
const b = await start('b');

const Greeter = grpc.makeGenericClientConstructor(greeter, 'Greeter');
const client = new Greeter('conclave:///greeter', grpc.credentials.createInsecure(), {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
});
console.log(`answered by ${await untilAnsweredBy('a', 'b')}`);

// The list changes, and so does what the health service of the instance says.
await a.registration.drain();
console.log(`after a has drained: ${await untilAnsweredBy('b')}; health of a: ${a.health.statuses.at(-1)}`);

client.close();
await conclave.close();
for (const { server } of [a, b]) server.forceShutdown();

async function start(id) {
  const server = new grpc.Server();
  server.addService(greeter, { greet: ({ request }, reply) => reply(null, `hello ${request}, this is ${id}`) });
  const health = recorded(new HealthImplementation());
  health.addToServer(server);
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const registration = await conclave.registry.register({ service: 'greeter', id, address: `127.0.0.1:${port}` });
  tieHealth(registration, health);
  return { server, registration, health };
}

/** Keeps what the health service was told, to show it. */
function recorded(health) {
  const statuses = [];
  return {
    statuses,
    addToServer: (server) => health.addToServer(server),
    setStatus: (service, status) => {
      statuses.push(status);
      health.setStatus(service, status);
    },
  };
}

function greet() {
  return new Promise((resolve, reject) => {
    client.greet('world', (error, answer) => (error === null ? resolve(answer.slice(-1)) : reject(error)));
  });
}

/** Calls until a dozen calls are answered by exactly these. */
async function untilAnsweredBy(...ids) {
  for (;;) {
    const by = new Set();
    for (let i = 0; i < 12; i++) by.add(await greet());
    if ([...by].sort().join() === ids.join()) return ids.join(', ');
  }
}
