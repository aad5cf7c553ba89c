// A NestJS service whose configuration and flags change while it runs, and a readiness check that says what it runs.
// In plain JavaScript: with TypeScript, `decorate` below is what its decorators do.
// Run: node examples/config-nestjs.js [memory: | http://127.0.0.1:2379]
import 'reflect-metadata';
import { Controller, Get, Inject, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { OpenFeature, ProviderEvents } from '@openfeature/server-sdk';
import { connect } from 'conclave';
import { ConclaveFlagProvider } from 'conclave/openfeature';
import { z } from 'zod';

const schema = z.object({ pageSize: z.number().int().positive() });

/** What is injected is the watched config, not its value: whoever asks it at each request has the newest. */
class OrdersController {
  constructor(settings, flags) {
    Object.assign(this, { settings, flags });
  }

  async list() {
    const { pageSize } = this.settings.value;
    const sorted = await this.flags.getBooleanValue('sorted-orders', false);
    return `${pageSize} orders${sorted ? ', sorted' : ''}`;
  }
}
decorate(OrdersController, Controller('orders'), { list: Get() }, ['settings', 'flags']);

/** Traffic comes when there is a value; a store that is away later, or holds nonsense, is no reason to turn it away. */
class ReadyController {
  constructor(settings, flags) {
    Object.assign(this, { settings, flags });
  }

  check() {
    const { revision, status, problem } = this.settings;
    const said = { config: status, flags: this.flags.providerStatus, problem: problem?.issues[0]?.path };
    if (revision === 0n) throw new ServiceUnavailableException(said);
    return said;
  }
}
decorate(ReadyController, Controller('ready'), { check: Get() }, ['settings', 'flags']);

/** Nest waits for what is made here before it listens, and ends it with the application. */
class LiveModule {
  constructor(conclave, settings) {
    Object.assign(this, { conclave, settings });
  }

  async onApplicationShutdown() {
    await this.settings.close();
    await OpenFeature.close();
    await this.conclave.close();
  }
}
const live = {
  controllers: [OrdersController, ReadyController],
  providers: [
    { provide: 'conclave', useFactory: () => connect(process.argv[2] ?? 'memory:') },
    { provide: 'settings', inject: ['conclave'], useFactory: ({ config }) => config.watch({ prefix: 'shop', schema }) },
    { provide: 'flags', inject: ['conclave'], useFactory: flagsOf },
  ],
};
decorate(LiveModule, Module(live), {}, ['conclave', 'settings']);

async function flagsOf(conclave) {
  await OpenFeature.setProviderAndWait(new ConclaveFlagProvider(conclave));
  return OpenFeature.getClient();
}

const app = await NestFactory.create(LiveModule, new FastifyAdapter(), { logger: ['error'] });
await app.listen(0, '127.0.0.1');
const [conclave, settings, flags] = ['conclave', 'settings', 'flags'].map((each) => app.get(each));

await show('at the start', '/ready');
await reloaded(() => conclave.config.set('pageSize', 20, { prefix: 'shop' }));
await show('configured', '/ready');
await show('configured', '/orders');

await reloaded(() => conclave.config.set('pageSize', 50, { prefix: 'shop', schema }));
await switched(() => conclave.flags.set('sorted-orders', onOff('on')));
await show('reloaded', '/orders');

const refused = new Promise((resolve) => settings.events.once('invalid', resolve));
await conclave.put('config/shop/pageSize', '"many"');
await refused;
await show('spoilt', '/ready');
await show('spoilt', '/orders');

await app.close();

async function show(when, path) {
  const answer = await fetch(`${await app.getUrl()}${path}`);
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

function decorate(target, ofClass, ofMethods, injected) {
  injected.forEach((token, i) => {
    Inject(token)(target, undefined, i);
  });
  for (const [name, route] of Object.entries(ofMethods)) {
    route(target.prototype, name, Object.getOwnPropertyDescriptor(target.prototype, name));
  }
  ofClass(target);
}
