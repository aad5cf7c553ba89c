import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

async function output(example: string): Promise<string> {
  const { stdout } = await run(process.execPath, [join(root, 'examples', example)], { timeout: 20_000 });
  return stdout;
}

/** Every file in examples/ has its line here: what a reader is told to see. */
const shown: Record<string, string> = {
  'quickstart.js': `order 42 is ours until we let go; fence 2
paid, and only while we held the lock
host-7 leads in term 5
`,
  'lock.js': `ada prints with fence 3; holder ada, 2 waiting
bob prints with fence 4; holder bob, 1 waiting
cleo prints with fence 5; holder cleo, 0 waiting
tryLock while held: null
lock with timeout: TIMEOUT
guard while held: true, after the release: false
`,
  'locks.js': `two read: true; a writer meanwhile: null
the editor only reads now: read; cleo reads beside: true
two more: null
two more of four: true; free: 0
nine: MISMATCH
transfers: true,true
once more, the same fence: true; by accident: null
`,
  'barrier.js': `begins, begins, begins, goes on, goes on, goes on
round 1: 1 first of 3
round 2: 1 first of 3
the gate is open
left: 1, 0
five: MISMATCH
`,
  'counter.js': `sold: 100, in 100 calls of which 1 batch
sold out: OUT_OF_RANGE
ids: 1, 2, 3 and 101; nobody gets one twice
allowed at once: 3, then after a rest: true
`,
  'cache.js': `a goes to 10.0.0.1, b to undefined
routes/a: 10.0.0.1 -> 10.0.0.9, routes/b: undefined -> 10.0.0.2
after the delete: routes/a
c goes to 10.0.0.3
unreadable: routes/d
`,
  'ephemeral.js': `workers/7 is kept
deleted, and back: busy
the same key for another: CONFLICT
taken over: ended, CONFLICT
deleted by its keeper: null
`,
  'stm.js': `ada 70, bob 70, cleo 160
refused: bob has not enough
after the release: LOST
`,
  'queue.js': `the same job again: true
next is cleo
sent to cleo: true
sent to ada: true
sent to bob: true
sent to dora: true
4 sent; nobody is a dead letter after 2 attempts: Error: no such address
compile done, seen at 50 %
test done, seen at 50 %
dead: Error: the registry is down
again: publish done, seen at 50 %; at most 1 at once
two ticks, each of a whole second, none twice: true
`,
  'schedule.js': `the first tick was run 2 times: true
the next one once, later: true
given up: undefined
`,
  'hand-over.js': `ada handed over to cleo; in line: cleo, bob; the term has grown: true
who has the highest priority leads: cleo again
bob leads
bob was told to stop: UNHEALTHY
run() ended: enough
`,
  'config.js': `at the start: {"db":{"timeoutMs":500,"pool":5},"rateLimit":100}
changed: rateLimit 100 -> 200, db/pool 5 -> 9
refused: rateLimit: must be above 0
invalid: must be above 0; still 200
changed: rateLimit 200 -> 100, db/pool 9 -> 5
live; 7 versions kept
`,
  'config-fastify.js': `at the start: GET /ready 503 {"config":"invalid","flags":"READY","problem":"pageSize"}
configured: GET /ready 200 {"config":"live","flags":"READY"}
configured: GET /orders 200 20 orders
reloaded: GET /orders 200 50 orders, sorted
log level: error
spoilt: GET /ready 200 {"config":"invalid","flags":"READY","problem":"pageSize"}
spoilt: GET /orders 200 50 orders, sorted
`,
  'config-nestjs.js': `at the start: GET /ready 503 {"config":"invalid","flags":"READY","problem":"pageSize"}
configured: GET /ready 200 {"config":"live","flags":"READY"}
configured: GET /orders 200 20 orders
reloaded: GET /orders 200 50 orders, sorted
spoilt: GET /ready 200 {"config":"invalid","flags":"READY","problem":"pageSize"}
spoilt: GET /orders 200 50 orders, sorted
`,
  'flags.js': `at the start: false
switched on: true
10 %: ada true, 108 of 1000 others
50 %: ada true, 497 of 1000 others
refused: new-ui: state is ENABLED or DISABLED; ada true
`,
  'election.js': `nobody leads
host-1 leads
host-1 (warm) leads
host-2 leads
the term has grown: true
nobody leads
candidates left: 0
`,
  'fence-http.js': `first PUT: 200
second GET: 200
first PUT: 412
second PUT: 200
`,
  'web-locks.js': `shared: 2 read together
exclusive, fence grows: true
ifAvailable: null
held 1, pending 1
stolen from: AbortError
then who waited: exclusive
`,
  'fence-sql.js': `the slow one reads 100
the next one reads 100, and writes 70
the slow one writes: turned away
balance: 70
`,
  'partition.js': `ada alone: 6 of 6
three workers: 2, 2, 2
each queue once: true
ada has left: 3, 3
bob kept what it had: true
`,
  'registry-http.js': `answered by a, b, c
after a has drained: b, c
after b has died: c
`,
  'registry-grpc.js': `answered by a, b
after a has drained: b; health of a: NOT_SERVING
`,
  'registry.js': `instances: eu-1 in eu, us-1 in us
first call: eu-1, second call: us-1
a call that fails: eu-1, the next two: us-1, us-1
eu-1 is draining; calls go to us-1
instances: us-1
`,
};

describe('examples', () => {
  it('are all run here', async () => {
    const files = (await readdir(join(root, 'examples'))).filter((name) => name.endsWith('.js'));
    expect(files.sort()).toEqual(Object.keys(shown).sort());
  });

  it.each(Object.entries(shown))('%s shows what it says', async (file, text) => {
    expect((await output(file)).split('\n').sort()).toEqual(text.split('\n').sort());
  });

  it('the quickstart is the README example', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const [, inReadme] = /```js\n(.*?)```/s.exec(readme) ?? [];
    const file = await readFile(join(root, 'examples/quickstart.js'), 'utf8');
    expect(file.split('\n').slice(1).join('\n')).toBe(inReadme);
  });
});
