import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { version } from '../../src/core/version.js';
import { globalRule } from './global-rules.js';
import { layerRule, packageRule, rawEtcd3Rule } from './import-rules.js';
import { folderOf, isRecipe } from './layers.js';
import { idsInTitles, invariantsOf, oneSided, type Readme, sectionsRule } from './readme-rules.js';
import * as shape from './shape-rules.js';
import { filesIn, type Rule, readText, root, show, sourcesIn } from './source.js';
import { noModuleStateRule } from './state-rule.js';
import { untoldRules } from './tale-rules.js';
import { noHiddenTestRule, noSleepRule } from './test-rules.js';

const sources = sourcesIn('src');
const tests = sourcesIn('test');
const benches = sourcesIn('bench');
const testFiles = tests.filter(({ path }) => /\.(test|contract)\.ts$/.test(path));
const readmes: readonly Readme[] = filesIn('src', '/README.md').map((path) => ({ path, text: readText(path) }));
const recipes = readdirSync(`${root}/src`, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && isRecipe(entry.name))
  .map(({ name }) => name);

describe('the sources', () => {
  const rules: readonly (readonly [string, Rule])[] = [
    ['import only what lies below them', layerRule],
    ['use modules of Node and packages only where the layer allows it', packageRule],
    ['use only the raw clients of npm etcd3', rawEtcd3Rule],
    ['take time and chance from Runtime', globalRule],
    ['keep no module-level state', noModuleStateRule],
    ['have files of at most 400 lines', shape.fileLengthRule],
    ['have functions of at most 70 lines', shape.functionLengthRule],
    ['have lines of at most 120 columns', shape.lineLengthRule],
    ['leave no unfinished work', shape.noTodoRule],
    ['use no any', shape.noAnyRule],
    ['have no default exports', shape.noDefaultExportRule],
    ['suppress no type errors', shape.noSuppressionRule],
    ['have index files that only re-export', shape.indexRule],
    ['have no awaitable objects', shape.noThenRule],
  ];

  it.each(rules)('%s', (_, rule) => {
    expect(show(sources.flatMap(rule))).toEqual([]);
  });

  it('are there', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(folderOf('src/core/errors.ts')).toBe('core');
  });
});

describe('the tests', () => {
  it('do not sleep', () => {
    expect(show(testFiles.flatMap(noSleepRule))).toEqual([]);
  });

  it('all run, or say why not', () => {
    expect(show(testFiles.flatMap(noHiddenTestRule))).toEqual([]);
  });

  it.each([
    ['lines of at most 120 columns', shape.lineLengthRule],
    ['no any', shape.noAnyRule],
    ['no suppressed type errors', shape.noSuppressionRule],
  ] as const)('have %s', (_, rule) => {
    // The snippets with which the rules are tested break them.
    expect(show(tests.filter(({ path }) => !path.startsWith('test/tidy/')).flatMap(rule))).toEqual([]);
  });
});

describe('the checkers of the simulator', () => {
  it('have a tale that breaks each of their rules', () => {
    const checkers = sources.filter(({ path }) => path.startsWith('src/sim/checkers/'));
    const tales = tests.filter(({ path }) => path.startsWith('test/sim/checkers/'));
    expect(show(untoldRules(checkers, tales))).toEqual([]);
  });
});

describe('the bench', () => {
  it.each([
    ['files of at most 400 lines', shape.fileLengthRule],
    ['functions of at most 70 lines', shape.functionLengthRule],
    ['lines of at most 120 columns', shape.lineLengthRule],
    ['no unfinished work', shape.noTodoRule],
    ['no any', shape.noAnyRule],
    ['no default exports', shape.noDefaultExportRule],
    ['no suppressed type errors', shape.noSuppressionRule],
  ] as const)('has %s', (_, rule) => {
    expect(show(benches.flatMap(rule))).toEqual([]);
  });
});

describe('the READMEs', () => {
  it.each(recipes)('of %s has every section', (recipe) => {
    const readme = readmes.find(({ path }) => path === `src/${recipe}/README.md`);
    expect(readme === undefined ? [`src/${recipe}/README.md is missing`] : show(sectionsRule(readme))).toEqual([]);
  });

  it.each(recipes)('of %s numbers its invariants', (recipe) => {
    const readme = readmes.find(({ path }) => path === `src/${recipe}/README.md`);
    expect(readme === undefined ? [] : invariantsOf(readme)).not.toEqual([]);
  });

  it('and the test titles name the same invariants', () => {
    const ours = tests.filter(({ path }) => !path.startsWith('test/tidy/'));
    expect(oneSided(readmes.flatMap(invariantsOf), ours.flatMap(idsInTitles))).toEqual([]);
  });
});

describe('the documents', () => {
  it('have no marks of a merge', () => {
    const pages = ['docs', 'src', 'test', 'bench', 'examples'].flatMap((folder) => filesIn(folder, '.md'));
    const marked = [...pages, 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'].filter((path) =>
      /^(<{7}|>{7}) /m.test(readText(path)),
    );
    expect(marked).toEqual([]);
  });
});

describe('the package', () => {
  it('has one version', () => {
    const manifest = JSON.parse(readText('package.json')) as { version: unknown };
    expect(version).toBe(manifest.version);
  });
});
