// A Fastify service whose configuration and flags change while it runs, and a readiness check that says what it runs.
// Run: node examples/config-fastify.js [memory: | http://127.0.0.1:2379]
import { OpenFeature, ProviderEvents } from '@openfeature/server-sdk';
import { connect } from 'conclave';
import { ConclaveFlagProvider } from 'conclave/openfeature';
import Fastify from 'fastify';
import { z } from 'zod';

const conclave = await connect(process.argv[2] ?? 'memory:');
const schema = z.object({ pageSize: z.number().int().positive(), logLevel: z.enum(['warn', 'error']) });
const settings = await conclave.config.watch({ prefix: 'shop', schema, defaults: { logLevel: 'warn' } });
await OpenFeature.setProviderAndWait(new ConclaveFlagProvider(conclave));
const flags = OpenFeature.getClient();

const app = Fastify({ logger: { level: 'warn' } });
// What reads `settings.value` at each request is reloaded by that; what has been set is set again.
settings.select(
  ({ logLevel }) => logLevel,
  (logLevel) => {
    app.log.level = logLevel;
  },
);
app.get('/orders', async () => {
  const { pageSize } = settings.value;
  const sorted = await flags.getBooleanValue('sorted-orders', false);
  return `${pageSize} orders${sorted ? ', sorted' : ''}`;
});
// Traffic comes when there is a value; a store that is away later, or holds nonsense, is no reason to turn it away.
app.get('/ready', (_, reply) => {
  const { revision, status, problem } = settings;
  reply.code(revision > 0n ? 200 : 503);
  return { config: status, flags: flags.providerStatus, problem: problem?.issues[0]?.path };
});
app.addHook('onClose', () => settings.close());
await app.listen({ host: '127.0.0.1', port: 0 });

await show('at the start', '/ready');
await reloaded(() => conclave.config.set('pageSize', 20, { prefix: 'shop' }));
await show('configured', '/ready');
await show('configured', '/orders');

await reloaded(() => conclave.config.setAll({ pageSize: 50, logLevel: 'error' }, { prefix: 'shop', schema }));
await switched(() => conclave.flags.set('sorted-orders', onOff('on')));
await show('reloaded', '/orders');
console.log(`log level: ${app.log.level}`);

const refused = new Promise((resolve) => settings.events.once('invalid', resolve));
await conclave.put('config/shop/pageSize', '"many"');
await refused;
await show('spoilt', '/ready');
await show('spoilt', '/orders');

await app.close();
await OpenFeature.close();
await conclave.close();

async function show(when, path) {
  const answer = await fetch(`${app.listeningOrigin}${path}`);
  console.log(`${when}: GET ${path} ${answer.status} ${await answer.text()}`);
}

/** Does it, and waits until this process shows it. */
async function reloaded(change) {
  const next = settings.changes().next();
  await change();
  await next;
}

async function switched(change) {
  const heard = new Promise((resolve) => flags.addHandler(ProviderEvents.ConfigurationChanged, resolve));
  await change();
  await heard;
}

function onOff(defaultVariant) {
  return { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant };
}
