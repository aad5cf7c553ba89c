import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/index.js';
import { conclave, serve } from './support/cli.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
const file = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'conclave-config-'));
  const zod = pathToFileURL(join(import.meta.dirname, '../../node_modules/zod/index.js')).href;
  const schema = 'z.object({ rateLimit: z.number().positive(), host: z.string().optional() })';
  writeFileSync(file('schema.mjs'), `import { z } from '${zod}';\nexport const schema = ${schema};\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('conclave config', () => {
  it('sets, gets, validates, shows the history, rolls back, renders', async () => {
    await using serving = await serve();
    const run = (...args: string[]) => conclave(['config', ...args, '--url', serving.url]).ended();
    const schema = ['--schema', file('schema.mjs')];
    const values = ['rateLimit', '100', 'host', 'db.old'];
    const first = await run('set', ...values, '--prefix', 'shop', ...schema, '--reason', 'first', '--json');
    const { revision } = JSON.parse(first.stdout) as { revision: string };
    expect(await run('set', 'shop/host', 'db.example', 'shop/port')).toMatchObject({ code: 3 });
    expect(await run('set', 'shop/host', 'db.example')).toMatchObject({ code: 0 });
    const refused = await run('set', 'rateLimit', '0', '--prefix', 'shop', ...schema);
    expect(refused).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('rateLimit') });
    expect(JSON.parse((await run('get', 'shop/')).stdout)).toEqual({ rateLimit: 100, host: 'db.example' });
    expect(await run('validate', 'shop/', ...schema)).toMatchObject({ code: 0 });
    expect(await run('set', 'shop/rateLimit', 'many')).toMatchObject({ code: 0 });
    expect(await run('validate', 'shop/', ...schema)).toMatchObject({ code: 3 });
    const conflict = await run('set', 'shop/rateLimit', '1', '--if-revision', revision);
    expect(conflict).toMatchObject({ code: 1, stderr: expect.stringContaining(`not at ${revision} as expected`) });
    const dry = await run('rollback', 'shop/rateLimit', '--to', revision, '--dry-run');
    expect(dry.stdout).toBe('- shop/rateLimit  "many"\n+ shop/rateLimit  100\nnothing is written\n');
    await run('rollback', 'shop/rateLimit', '--to', revision, '--author', 'ada');
    const history = (await run('history', 'shop/rateLimit', '--json')).stdout.trim().split('\n');
    expect(history.map((line) => (JSON.parse(line) as { value: unknown }).value)).toEqual([100, 'many', 100]);
    expect((await run('diff', 'shop/', revision)).stdout).toBe('- shop/host  "db.old"\n+ shop/host  "db.example"\n');
    writeFileSync(file('t.tpl'), 'host={{host}} rate={{ rateLimit }}\n');
    expect((await run('render', file('t.tpl'), '--prefix', 'shop')).stdout).toBe('host=db.example rate=100\n');
    expect((await run('get', 'shop/none')).code).toBe(1);
  });

  it('edit: writes what $EDITOR makes of it, if nobody was faster and the schema takes it', async () => {
    await using serving = await serve();
    await using client = await connect(serving.url);
    await client.config.set('shop/limits', { rateLimit: 1 });
    const flags = ['--schema', file('schema.mjs'), '--reason', 'busy day', '--url', serving.url];
    const edit = (EDITOR: string) =>
      conclave(['config', 'edit', 'shop/limits', ...flags], { EDITOR, VISUAL: '' }).ended();
    // As `code --wait` has it: an editor with an argument of its own, and the file behind it.
    const edited = await edit('sed -i s/1/20/');
    expect(edited).toMatchObject({ code: 0, stdout: expect.stringContaining('+ shop/limits  {"rateLimit":20}') });
    expect((await client.config.history({ key: 'shop/limits' }))[0]).toMatchObject({ reason: 'busy day' });
    expect(await edit('sed -i s/20/-20/')).toMatchObject({ code: 3, stderr: expect.stringContaining('rateLimit') });
    expect(await edit('false')).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing is written') });
    const meanwhile = `node ${file('meanwhile.mjs')}`;
    writeFileSync(file('meanwhile.mjs'), meanwhileScript(serving.url));
    expect(await edit(meanwhile)).toMatchObject({ code: 1, stderr: expect.stringContaining('as expected') });
    expect((await client.config.get('shop/limits'))?.value).toEqual({ rateLimit: 7 });
  });

  it('rollout, promote, abandon: a value is shown to some, to more, to all or to nobody', async () => {
    await using serving = await serve();
    await using client = await connect(serving.url, { label: 'host-1' });
    await client.config.set('shop/limit', 1);
    const run = (...args: string[]) => conclave(['config', ...args, '--url', serving.url]).ended();
    const shown = () => client.config.watch({ key: 'shop/limit' }).then((config) => config.value);
    await run('rollout', 'shop/limit', '0', '--value', '2', '--instances', 'host-1,host-2', '--label', 'zone=a');
    expect(await shown()).toBe(2);
    expect((await run('rollout', 'shop/limit', 'most')).code).toBe(3);
    await run('abandon', 'shop/limit');
    expect((await client.config.get('shop/limit'))?.value).toBe(1);
    await run('rollout', 'shop/limit', '50', '--value', '3');
    await run('promote', 'shop/limit');
    expect((await client.config.get('shop/limit'))?.value).toBe(3);
  });

  it('watch -- cmd: starts it anew at each valid change, and not at one that is refused', async () => {
    await using serving = await serve();
    await using client = await connect(serving.url);
    await client.config.set('shop/rateLimit', 1);
    const command = ['sh', '-c', 'echo "$CONCLAVE_CONFIG"; exec sleep 1000'];
    const flags = ['--schema', file('schema.mjs'), '--check', '! grep -q 666', '--url', serving.url];
    await using watching = conclave(['config', 'watch', 'shop/', ...flags, '--', ...command]);
    expect(await watching.line()).toBe('{"rateLimit":1}');
    await client.config.set('shop/rateLimit', -1);
    await client.config.set('shop/rateLimit', 666);
    await client.config.set('shop/rateLimit', 2);
    expect(await watching.line()).toBe('{"rateLimit":2}');
    expect(await client.config.watchers({ prefix: 'shop' })).toHaveLength(1);
    watching.kill('SIGTERM');
    const { code, stdout, stderr } = await watching.ended();
    expect({ code, stdout }).toEqual({ code: 143, stdout: '{"rateLimit":1}\n{"rateLimit":2}\n' });
    expect(stderr).toContain('rateLimit');
  });
});

describe('conclave config watch --signal', () => {
  it('writes the value to the file, and tells the command, which goes on', async () => {
    await using serving = await serve();
    await using client = await connect(serving.url);
    await client.config.set('shop/rateLimit', 1);
    const path = file('value.json');
    const script = `const show = () => console.log(require('fs').readFileSync('${path}', 'utf8').trim());
      process.on('SIGHUP', show); show(); setInterval(() => {}, 1000);`;
    const flags = ['--signal', 'SIGHUP', '--file', path, '--url', serving.url];
    const command = [process.execPath, '-e', script];
    await using watching = conclave(['config', 'watch', 'shop/', ...flags, '--', ...command]);
    expect(await watching.line()).toBe('{"rateLimit":1}');
    await client.config.set('shop/rateLimit', 2);
    expect(await watching.line()).toBe('{"rateLimit":2}');
    watching.kill('SIGTERM');
    expect((await watching.ended()).code).toBe(143);
  });
});

/** An editor during whose work somebody else writes. */
function meanwhileScript(url: string): string {
  const conclaveUrl = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;
  return `import { writeFileSync } from 'node:fs';
    import { connect } from '${conclaveUrl}';
    const client = await connect('${url}');
    await client.config.set('shop/limits', { rateLimit: 7 });
    writeFileSync(process.argv[2], '{"rateLimit":8}');
    await client.close();`;
}

describe('conclave flags', () => {
  it('sets, rolls out, evaluates, imports and exports', async () => {
    await using serving = await serve();
    const run = (...args: string[]) => conclave(['flags', ...args, '--url', serving.url]).ended();
    expect(await run('set', 'new-ui', 'on')).toMatchObject({ code: 0 });
    expect((await run('eval', 'new-ui')).stdout).toBe('true  on  STATIC\n');
    await run('set', 'new-ui', 'off');
    await run('rollout', 'new-ui', 'on', '0', '--keys', 'ada');
    expect((await run('eval', 'new-ui', '--context', '{"targetingKey":"ada"}')).stdout).toBe(
      'true  on  TARGETING_MATCH\n',
    );
    expect((await run('eval', 'new-ui', '--context', '{"targetingKey":"bob"}')).stdout).toContain('false  off');
    await run('disable', 'new-ui');
    expect((await run('ls')).stdout).toMatch(/new-ui +DISABLED +off +on,off +rule/);
    const exported = await run('export', '--json');
    writeFileSync(file('flags.json'), exported.stdout);
    await run('delete', 'new-ui');
    expect(await run('get', 'new-ui')).toMatchObject({ code: 1 });
    expect((await run('import', file('flags.json'))).stdout).toBe('+ new-ui\n');
    const types = (await run('export', '--types')).stdout;
    expect(types).toContain('readonly "new-ui": boolean;');
    // Of a file, where no store is.
    expect((await conclave(['flags', 'types', file('flags.json')]).ended()).stdout).toBe(types);
    writeFileSync(file('none.json'), '{"flags":{"a":{}}}');
    const wrong = await conclave(['flags', 'types', file('none.json')]).ended();
    expect(wrong).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('"a"') });
    expect(await run('set', 'other', '{"state":"MAYBE"}')).toMatchObject({ code: 3 });
    expect(await run('set', 'other', 'blue')).toMatchObject({ code: 1 });
    const [deleted, before] = (await run('history', 'new-ui', '--json')).stdout.trim().split('\n').slice(1);
    expect(JSON.parse(deleted ?? '')).toMatchObject({ key: 'new-ui', author: userInfo().username });
    const { revision } = JSON.parse(before ?? '') as { revision: string };
    const back = ['rollback', 'new-ui', '--to', `${BigInt(revision) - 1n}`] as const;
    expect((await run(...back, '--dry-run')).stdout).toContain('nothing is written');
    expect((await run(...back, '--reason', 'too slow')).code).toBe(0);
    expect((await run('ls')).stdout).toMatch(/new-ui +ENABLED/);
    expect((await run('history')).stdout).toMatch(/new-ui +\{.*too slow/);
  });
});
