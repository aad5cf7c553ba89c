import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { workloadOf } from '../../src/sim/workloads/workloads.js';
import { applyEdit } from './mutants/mutant.js';
import { mutants } from './mutants/table.js';

/** As the compiler of `npm run sim:mutants` writes it. */
function compiled(file: string): string {
  const source = readFileSync(new URL(`../../src/${file.replace(/\.js$/, '.ts')}`, import.meta.url), 'utf8');
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, verbatimModuleSyntax: true };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

describe('the mutants', () => {
  // `npm run sim:mutants` plants them; here only that the code they change is still there.
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))('%s can be planted', (_, mutant) => {
    const texts = new Map<string, string>();
    for (const edit of mutant.edits) {
      const before = texts.get(edit.file) ?? compiled(edit.file);
      const after = applyEdit(before, edit);
      expect(after).not.toBe(before);
      texts.set(edit.file, after);
    }
    expect(mutant.edits.length).toBeGreaterThan(0);
    for (const name of mutant.workloads) expect(workloadOf(name).name).toBe(name);
  });

  it('refuse to be planted where the code is gone', () => {
    const edit = { file: 'a.js', find: 'x = 1', replace: 'x = 2' };
    expect(applyEdit('const x = 1;', edit)).toBe('const x = 2;');
    expect(() => applyEdit('const y = 1;', edit)).toThrow('a.js: found 0 times');
    expect(() => applyEdit('x = 1; x = 1;', edit)).toThrow('a.js: found 2 times');
  });

  it('have names of their own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});
