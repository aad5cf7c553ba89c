import { expect, it, vi } from 'vitest';
import { conclave } from './support/cli.js';
import { servedSuite } from './support/served-suite.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

const served = servedSuite();

const queue = (...args: string[]) => conclave(['queue', '--url', served.url, ...args]);

it('queue push, work, dead, redrive: a command per job, whose code decides', async () => {
  const { client } = served;
  expect(await queue('push', 'q', '{"n":1}', '--priority', '2').ended()).toMatchObject({ code: 0, stdout: '1\n' });
  expect(await queue('push', 'q', 'plain text', '--max-attempts', '1').ended()).toMatchObject({ stdout: '2\n' });
  // Fails for what is no JSON object.
  const script = `const { CONCLAVE_JOB, CONCLAVE_JOB_ID } = process.env;
    const { n } = JSON.parse(CONCLAVE_JOB);
    console.log(CONCLAVE_JOB_ID, n);
    process.exit(n ? 0 : 7);`;
  const worked = await queue('work', 'q', '--count', '2', '--', process.execPath, '-e', script).ended();
  expect(worked).toMatchObject({ code: 0, stdout: '1 1\n2 undefined\n' });
  expect(worked.stderr).toMatch(/^conclave: job 2, attempt 1: the command exited with 7\n$/);
  expect((await queue('dead', 'q').ended()).stdout).toMatch(
    /^ID +STATE +PRIORITY +ATTEMPTS +AGE +REASON +PAYLOAD\n2 +dead +0 +1\/1 .*exited with 7 +plain text\n$/,
  );
  expect(JSON.parse((await queue('stats', 'q', '--json').ended()).stdout)).toMatchObject({ ready: 0, dead: 1 });
  expect(await queue('redrive', 'q', '2').ended()).toMatchObject({ code: 0, stdout: '2\n' });
  expect(await queue('redrive', 'q', '2').ended()).toMatchObject({
    code: 1,
    stderr: 'conclave: no dead letter has the id 2\n',
  });
  expect(await client.queue('q').purge()).toBe(1);
});

it('queue work: gives the job back when there is no such command; at a signal what runs finishes', async () => {
  const { client } = served;
  await client.queue('w').enqueue('x');
  expect(await queue('work', 'w', '--', '/no/such/command').ended()).toMatchObject({ code: 127 });
  expect(await client.queue('w').list('ready')).toMatchObject([{ attempts: 0, payload: 'x' }]);
  const script = "process.on('SIGTERM', () => process.exit(3)); process.stdin.resume(); console.log('begun')";
  await using working = queue('work', 'w', '--', process.execPath, '-e', script);
  await working.line();
  working.child.kill('SIGINT');
  const id = '1';
  expect(await client.queue('w').list('claimed')).toMatchObject([{ id, attempts: 1 }]);
  working.child.kill('SIGTERM');
  expect(await working.ended()).toMatchObject({ code: 0 });
  expect(await client.queue('w').list('delayed')).toMatchObject([{ id, reason: 'Error: the command exited with 3' }]);
  expect(await client.queue('w').purge()).toBe(1);
});

it('queue redrive --all: one whose dedupe key another job has stays, and keeps none of the others', async () => {
  const jobs = served.client.queue('r');
  const consumer = await jobs.consumer();
  for (const dedupeKey of ['k', 'l']) {
    await jobs.enqueue(dedupeKey, { dedupeKey });
    await (await consumer.take()).dead('broken');
  }
  await consumer.close();
  await jobs.enqueue('another', { dedupeKey: 'k' });
  expect(await queue('redrive', 'r', '--all').ended()).toMatchObject({
    code: 1,
    stdout: '2\n',
    stderr: expect.stringMatching(/job 3 is in the queue, of the same dedupe key as dead letter 1\n.*stay: 1\n$/),
  });
  expect(await jobs.purge()).toBe(3);
});

it('queue ls, pause, resume, cancel, purge; what cannot be is refused', async () => {
  const lines = queue('push', 'l', '--group', 'g', '--json');
  lines.child.stdin?.end('1\n{"a":2}\n\nthree\n');
  expect((await lines.ended()).stdout.trim().split('\n')).toHaveLength(3);
  expect((await queue('ls', 'l', '--state', 'waiting').ended()).stdout).toMatch(
    /^ID .*\n2 +waiting +0 +0\/5 .*g +- +\{"a":2\}\n3 +waiting .* three\n$/,
  );
  expect(await queue('pause', 'l').ended()).toMatchObject({ code: 0, stdout: 'paused\n' });
  expect((await queue('stats', 'l').ended()).stdout).toMatch(/\n +1 +0 +2 +0 +0 +\S+ +yes\n$/);
  expect(await queue('resume', 'l').ended()).toMatchObject({ code: 0, stdout: 'resumed\n' });
  expect(await queue('cancel', 'l', '3').ended()).toMatchObject({ code: 0, stdout: '3\n' });
  expect(await queue('purge', 'l').ended()).toMatchObject({ code: 0, stdout: '2\n' });
  expect(await queue('push', 'l', '9007199254740993').ended()).toMatchObject({ code: 3, stdout: '' });
  expect(await queue('push', 'l', 'x', '--wait', '1').ended()).toMatchObject({ code: 75 });
  // The store has nothing to do with it.
  const stderr = expect.stringMatching(/^conclave: jobs can be purged/);
  expect(await queue('purge', 'l', '--state', 'claimed').ended()).toMatchObject({ code: 3, stderr });
  expect(await served.client.queue('l').purge()).toBe(1);
});

it('queue schedule, schedules, unschedule; schedule run, show, rm', async () => {
  const { client } = served;
  const declared = await queue(
    'schedule',
    's',
    'nightly',
    '{"a":1}',
    '--cron',
    '0 3 * * *',
    '--missed',
    'once',
  ).ended();
  expect(declared).toMatchObject({ code: 0, stdout: expect.stringMatching(/T03:00:00.000Z\n$/) });
  expect((await queue('schedules', 's').ended()).stdout).toMatch(
    /\nnightly +0 3 \* \* \* UTC +once +- .* allow +\{"a":1\}\n$/,
  );
  expect(await queue('schedule', 's', 'bad', 'x', '--cron', '61 * * * *').ended()).toMatchObject({ code: 3 });
  const neither = { code: 3, stderr: 'conclave: either --cron or --every says when\n' };
  expect(await queue('schedule', 's', 'bad', 'x').ended()).toMatchObject(neither);
  expect(await queue('unschedule', 's', 'nightly').ended()).toMatchObject({ code: 0, stdout: 'nightly\n' });
  const schedule = (...args: string[]) => conclave(['schedule', '--url', served.url, ...args]).ended();
  const print = 'console.log(process.env.CONCLAVE_JOB_TICK)';
  const ran = await schedule('run', 'c', '--every', '1s', '--count', '1', '--', process.execPath, '-e', print);
  const { lastMs = 0 } = (await client.schedule('c').state()) ?? {};
  expect(ran).toMatchObject({ code: 0, stdout: `${new Date(lastMs).toISOString()}\n` });
  expect((await schedule('show', 'c')).stdout).toMatch(/^NEXT +LAST +RUNNING +FAILED\n\d{4}-.*Z +\d{4}-.*Z +- +-\n$/);
  expect(await schedule('rm', 'c')).toMatchObject({ code: 0, stdout: 'c\n' });
  expect(await client.schedule('c').state()).toBeNull();
});
