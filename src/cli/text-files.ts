import { readFileSync, writeFileSync } from 'node:fs';
import { CliFailure, ExitCode } from './exit-code.js';

/** The text of a file; `-` is stdin. */
export function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new CliFailure(ExitCode.io, `cannot read ${file}: ${(error as Error).message}`, error);
  }
}

/** Only this user may read a new one: configuration has secrets. */
export function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 });
  } catch (error) {
    throw new CliFailure(ExitCode.io, `cannot write ${file}: ${(error as Error).message}`, error);
  }
}
