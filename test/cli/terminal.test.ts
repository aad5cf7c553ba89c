import { describe, expect, it, vi } from 'vitest';
import { executable } from '../support/etcd/machine.js';
import { describeSkipped } from '../support/skip.js';
import { builtCli } from './support/built.js';
import { serve } from './support/cli.js';
import { Program } from './support/program.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/** util-linux gives a program a terminal. */
const script = executable('script', process.env.PATH);

function onTerminal(): void {
  it('a command under a lock reads from it and gets Ctrl-C from it, not from us as well', async () => {
    await using serving = await serve();
    const source = [
      'let count = 0;',
      "process.on('SIGINT', () => { count += 1; console.log('interrupted'); });",
      "process.on('SIGTERM', () => { console.log('count ' + count); process.exit(7); });",
      "process.stdin.on('data', () => console.log('parent ' + process.ppid));",
      "console.log('inside');",
    ].join(' ');
    const lock = [
      process.execPath,
      builtCli(),
      'lock',
      '--url',
      serving.url,
      'x',
      '--',
      process.execPath,
      '-e',
      source,
    ];
    const quoted = lock.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    // A shell that stayed between us would get the Ctrl-C too, and end by it: dash does, which `script` takes where no
    // $SHELL is set.
    const command = `exec ${quoted}`;
    await using terminal = new Program(script ?? 'script', ['--quiet', '--return', '--command', command, '/dev/null']);
    await lineWith(terminal, 'inside');
    terminal.child.stdin?.write('\x03');
    await lineWith(terminal, 'interrupted');
    terminal.child.stdin?.write('whose child?\n');
    const [, parent] = /parent (\d+)/.exec(await lineWith(terminal, 'parent')) ?? [];
    // Two that come together may count as one, so that only this tells: what the terminal did not send is not made up.
    process.kill(Number(parent), 'SIGINT');
    process.kill(Number(parent), 'SIGTERM');
    expect(await lineWith(terminal, 'count')).toContain('count 1');
    expect(await terminal.ended()).toMatchObject({ code: 7 });
  });
}

/** What is typed is echoed among the output. */
async function lineWith(program: Program, text: string): Promise<string> {
  // Bounded by the program's end, at which `line` rejects.
  for (;;) {
    const line = await program.line();
    if (line.includes(text)) return line;
  }
}

if (script === undefined) describeSkipped('on a terminal', 'no `script` of util-linux to make one', onTerminal);
else describe('on a terminal', onTerminal);
