// A service behind FenceGate: holders show their fence in a header, whoever is out of date gets 412.
// Run: node examples/fence-http.js [memory: | http://127.0.0.1:2379]
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, FenceGate, fenceHeader, fenceMiddleware, formatFence } from 'conclave';

const gate = fenceMiddleware(new FenceGate(), (request) => request.url);
const server = createServer((request, response) =>
  gate(request, response, () => response.end(`${request.method} done`)),
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}/report`;

const ask = async (who, method, { fence }) => {
  const answer = await fetch(url, { method, headers: { [fenceHeader]: formatFence(fence) } });
  console.log(`${who} ${method}: ${answer.status}`);
};

const conclave = await connect(process.argv[2] ?? 'memory:');
const first = await conclave.lock('report');
await ask('first', 'PUT', first);
await conclave.breakLock('report', { ifFence: first.fence });

const second = await conclave.lock('report');
await ask('second', 'GET', second);
await ask('first', 'PUT', first);
await ask('second', 'PUT', second);

await second.release();
await conclave.close();
server.close();
server.closeAllConnections();
