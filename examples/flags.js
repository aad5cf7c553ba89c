// A feature flag that is switched, rolled out and broken while a service asks for it through OpenFeature.
// Run: node examples/flags.js [memory: | http://127.0.0.1:2379]
import { OpenFeature, ProviderEvents } from '@openfeature/server-sdk';
import { connect } from 'conclave';
import { ConclaveFlagProvider } from 'conclave/openfeature';

const conclave = await connect(process.argv[2] ?? 'memory:');
const { flags } = conclave;
await flags.set('new-ui', { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' });

const provider = new ConclaveFlagProvider(conclave);
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
console.log(`at the start: ${await client.getBooleanValue('new-ui', false)}`);

await changed(() => flags.setDefault('new-ui', 'on'));
console.log(`switched on: ${await client.getBooleanValue('new-ui', false)}`);

await changed(() => flags.setDefault('new-ui', 'off'));
for (const percent of [10, 50]) {
  await changed(() => flags.rollout('new-ui', { variant: 'on', percent, keys: ['ada'] }));
  console.log(`${percent} %: ada ${await isOn('ada')}, ${await countOn(1000)} of 1000 others`);
}

// As etcdctl may write it: the flag stays as it was.
const invalid = new Promise((resolve) =>
  provider.flags.events.once('invalid', (key, why) => resolve(`${key}: ${why}`)),
);
await conclave.put('flags/new-ui', '{"state":"MAYBE"}');
console.log(`refused: ${await invalid}; ada ${await isOn('ada')}`);

await OpenFeature.close();
await conclave.close();

function isOn(targetingKey) {
  return client.getBooleanValue('new-ui', false, { targetingKey });
}

async function countOn(count) {
  let on = 0;
  for (let i = 0; i < count; i++) if (await isOn(`user-${i}`)) on += 1;
  return on;
}

/** Does it, and waits until this process has heard of it. */
async function changed(change) {
  const heard = new Promise((resolve) => {
    const handler = () => {
      client.removeHandler(ProviderEvents.ConfigurationChanged, handler);
      resolve();
    };
    client.addHandler(ProviderEvents.ConfigurationChanged, handler);
  });
  await change();
  await heard;
}
