import { type Etcdctl, normalise } from './etcdctl.js';

/** One etcdctl command line; `input` goes to its stdin. */
export interface Command {
  readonly line: string;
  readonly input?: string;
}

export const command = (line: string): Command => ({ line });

/** Splits at spaces; `''` is an empty word, `\0` a zero byte cannot be given on a command line. */
export function words(line: string): string[] {
  return line.split(' ').map((word) => (word === "''" ? '' : word));
}

/** What each command prints, errors and exit codes too; ids, times and addresses made equal. */
export async function transcript(etcdctl: Etcdctl, url: string, commands: readonly Command[]): Promise<string[]> {
  const outputs: string[] = [];
  for (const { line, input } of commands) {
    const { stdout, stderr, code } = await etcdctl(url, words(line), input);
    const shown = input === undefined ? '' : ` < ${JSON.stringify(input.slice(0, 40))}`;
    outputs.push(normalise(`$ etcdctl ${line}${shown}\n${stdout}${stderr}[exit code ${code}]`, url));
  }
  return outputs;
}
