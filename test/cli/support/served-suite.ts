import { afterAll, beforeAll } from 'vitest';
import { type Conclave, connect } from '../../../src/index.js';
import { serve } from './cli.js';

/** One `conclave serve` for all tests of a file, and a client of it. Call it once, at the top of the file. */
export function servedSuite(): { readonly url: string; readonly client: Conclave } {
  let serving: Awaited<ReturnType<typeof serve>>;
  let client: Conclave;
  beforeAll(async () => {
    serving = await serve();
    client = await connect(serving.url);
  });
  afterAll(async () => {
    await client.close();
    await serving[Symbol.asyncDispose]();
  });
  return {
    get url() {
      return serving.url;
    },
    get client() {
      return client;
    },
  };
}
