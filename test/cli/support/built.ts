import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
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

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const cache = join(repository, '.cache', 'built');
const bundler = 'scripts/bundle.js';

/**
 * The package as a user gets it, built from the sources as they are now: a folder with package.json, dist and examples.
 * Only transpiled, which takes a second; types are checked elsewhere. `dist` of the repository is not used: it may be
 * absent or old. Its name is a hash of what went in, so that several test files share one.
 */
export function builtPackage(): string {
  const inputs = ['package.json', bundler, ...filesBelow('src'), ...filesBelow('examples')];
  const hash = createHash('sha256');
  for (const file of inputs)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(repository, file)));
  const target = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  removeOld();
  const draft = mkdtempSync(join(cache, 'draft-'));
  for (const file of inputs) copy(file, draft);
  execFileSync(process.execPath, [bundler, 'src/cli/main.ts', commandIn(draft)], { cwd: repository });
  try {
    renameSync(draft, target);
  } catch (error) {
    // Another test file was faster.
    rmSync(draft, { recursive: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** The `conclave` command of `builtPackage()`. */
export function builtCli(): string {
  return commandIn(builtPackage());
}

function commandIn(folder: string): string {
  return join(folder, 'dist', 'bin', 'conclave.js');
}

function filesBelow(folder: string): string[] {
  const all = readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' });
  return all
    .map((file) => join(folder, file))
    .filter((file) => /\.(ts|js|json)$/.test(file))
    .sort();
}

function copy(file: string, draft: string): void {
  const isSource = file.startsWith('src/') && file.endsWith('.ts');
  const target = join(draft, isSource ? file.replace(/^src/, 'dist').replace(/\.ts$/, '.js') : file);
  mkdirSync(dirname(target), { recursive: true });
  if (isSource) writeFileSync(target, transpiled(file));
  else cpSync(join(repository, file), target);
}

function transpiled(file: string): string {
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  return ts.transpileModule(readFileSync(join(repository, file), 'utf8'), { compilerOptions, fileName: file })
    .outputText;
}

/** Every edit makes another folder; those of an hour ago are nobody's any more. */
function removeOld(): void {
  const oldMs = Date.now() - 3_600_000;
  for (const name of readdirSync(cache)) {
    const folder = join(cache, name);
    if (statSync(folder).mtimeMs < oldMs) rmSync(folder, { recursive: true, force: true });
  }
}
