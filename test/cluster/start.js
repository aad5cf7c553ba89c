// `npm run test:cluster`: turns the suite into JavaScript, then runs it. Options: see run.ts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('../../', import.meta.url));
const builder = join(repository, '.cache', 'cluster', `build-${process.pid}.mjs`);
const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
mkdirSync(join(repository, '.cache', 'cluster'), { recursive: true });
writeFileSync(
  builder,
  ts.transpileModule(readFileSync(join(here, 'build.ts'), 'utf8'), { compilerOptions }).outputText,
);
const { builtTree } = await import(pathToFileURL(builder).href);
const { rmSync } = await import('node:fs');
rmSync(builder);
const { main } = await import(pathToFileURL(join(builtTree(repository), 'test/cluster/run.js')).href);
process.exitCode = await main(process.argv.slice(2));
