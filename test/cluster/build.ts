import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const folders = ['src', 'test/cluster', 'test/support'];

/**
 * The library, this suite and what it needs of the test support as JavaScript, in one folder that keeps their layout:
 * clients are processes of their own, and Node 20 runs no TypeScript. Only transpiled, which takes a second. The name
 * of the folder is a hash of what went in.
 */
export function builtTree(repository: string): string {
  const files = folders.flatMap((folder) => sourcesBelow(repository, folder));
  const hash = createHash('sha256');
  const texts = files.map((file) => readFileSync(join(repository, file), 'utf8'));
  for (const [i, file] of files.entries()) hash.update(`${file}\0${texts[i]}\0`);
  const cache = join(repository, '.cache', 'cluster');
  const target = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  removeOld(cache);
  const draft = mkdtempSync(join(cache, 'draft-'));
  files.forEach((file, i) => {
    const output = join(draft, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, transpiled(file, texts[i] as string));
  });
  try {
    renameSync(draft, target);
  } catch (error) {
    // Another process was faster.
    rmSync(draft, { recursive: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** Git-ignored, of this checkout, whether this file runs from there or from a tree in it. */
export function cacheFolder(): string {
  let folder = fileURLToPath(new URL('.', import.meta.url));
  // Bounded: a folder further up each turn.
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, '.cache');
}

function sourcesBelow(repository: string, folder: string): string[] {
  const all = readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' });
  return all
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => join(folder, file))
    .sort();
}

function transpiled(fileName: string, text: string): string {
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  return ts.transpileModule(text, { compilerOptions, fileName }).outputText;
}

/** Every edit makes another folder; those of hours ago are nobody's any more. */
function removeOld(cache: string): void {
  const oldMs = Date.now() - 4 * 3_600_000;
  for (const name of readdirSync(cache)) {
    const folder = join(cache, name);
    if (statSync(folder).mtimeMs < oldMs) rmSync(folder, { recursive: true, force: true });
  }
}
