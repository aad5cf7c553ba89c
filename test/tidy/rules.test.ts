import { describe, expect, it } from 'vitest';
import { globalRule } from './global-rules.js';
import { layerRule, packageRule, rawEtcd3Rule } from './import-rules.js';
import { idsInTitles, invariantsOf, oneSided, type Readme, sectionsRule } from './readme-rules.js';
import * as shape from './shape-rules.js';
import { type Rule, source } from './source.js';
import { noModuleStateRule } from './state-rule.js';
import { untoldRules } from './tale-rules.js';
import { noHiddenTestRule, noSleepRule } from './test-rules.js';

/** What a rule says about a snippet: the lines it names. */
function lines(rule: Rule, path: string, text: string): number[] {
  return rule(source(path, text)).map(({ line }) => line);
}

interface Case {
  readonly rule: Rule;
  readonly path: string;
  readonly bad: readonly string[];
  readonly good: readonly string[];
}

const lock = 'src/lock/mutex.ts';

const cases: Readonly<Record<string, Case>> = {
  'a layer imports what lies above it': {
    rule: layerRule,
    path: 'src/line/line.ts',
    bad: [
      `import { Mutex } from '../lock/mutex.js';`,
      `import type { Mutex } from '../lock/mutex.js';`,
      `export { Mutex } from '../lock/mutex.js';`,
      `export * from '../engine/engine.js';`,
      `const m = await import('../wire/rpc-store.js');`,
      `let m: import('../wire/rpc-store.js').RpcStore;`,
      `import x = require('../lock/mutex.js');`,
      `import '../index.js';`,
      `import '../../test/support/etcd.js';`,
    ],
    good: [`import type { Session } from '../lease/session.js';`, `import { a } from './admit.js';`],
  },
  'a recipe imports another': {
    rule: layerRule,
    path: lock,
    bad: [`import { Election } from '../election/election.js';`, `import type { Q } from '../queue/queue.js';`],
    good: [`import { Line } from '../line/line.js';`, `import { inspect } from './inspect.js';`],
  },
  'the engine imports the line': {
    rule: layerRule,
    path: 'src/engine/engine.ts',
    bad: [`import { Line } from '../line/line.js';`, `import { sessionTtl } from '../lease/ttl.js';`],
    good: [`import type { RangeRequest } from '../store/messages.js';`],
  },
  'the node layer imports what lies above the line': {
    rule: layerRule,
    path: 'src/node/node-runtime.ts',
    bad: [`import { s } from '../server/server.js';`, `import { Mutex } from '../lock/mutex.js';`],
    good: [`import type { Runtime } from '../core/runtime.js';`],
  },
  'the top imports the command line': {
    rule: layerRule,
    path: 'src/index.ts',
    bad: [`export { main } from './cli/main.js';`],
    good: [`export { connect } from './connect/connect.js';`, `export { Mutex } from './lock/mutex.js';`],
  },
  'a pure layer uses modules or packages': {
    rule: packageRule,
    path: lock,
    bad: [
      `import { randomBytes } from 'node:crypto';`,
      `import fs from 'fs';`,
      `import { Client } from '@grpc/grpc-js';`,
      `const grpc = await import('@grpc/grpc-js');`,
      `const fs = require('fs');`,
    ],
    good: [`import { EventEmitter } from 'eventemitter3';`, `import { a } from './a.js';`],
  },
  'a channel uses the client of another': {
    rule: packageRule,
    path: 'src/channels/grpc-channel.ts',
    bad: [`import { Etcd3 } from 'etcd3';`, `import { Command } from 'commander';`],
    good: [`import { Client } from '@grpc/grpc-js';`, `import { readFileSync } from 'node:fs';`],
  },
  'the top loads etcd3': {
    rule: packageRule,
    path: 'src/connect/connect.ts',
    bad: [`import { Etcd3 } from 'etcd3';`, `import { Client } from '@grpc/grpc-js';`],
    good: [`import type { Etcd3 } from 'etcd3';`, `import { type Etcd3 } from 'etcd3';`],
  },
  'the server uses a package': {
    rule: packageRule,
    path: 'src/server/server.ts',
    bad: [`import { Server } from '@grpc/grpc-js';`],
    good: [`import { createServer } from 'node:http2';`],
  },
  "the etcd3 channel uses more than etcd3's raw clients": {
    rule: rawEtcd3Rule,
    path: 'src/channels/etcd3-channel.ts',
    bad: [`client.lock('a');`, `const l = this.#etcd.lease(5);`, `import { Lease } from 'etcd3';`],
    good: [`client.kv.range({});`, `client.leaseClient.leaseGrant({});`, `import type { Etcd3 } from 'etcd3';`],
  },
  'a pure layer takes time or chance from the host': {
    rule: globalRule,
    path: lock,
    bad: [
      'const now = Date.now();',
      'const d = new Date();',
      'setTimeout(() => {}, 5);',
      'const f = setImmediate;',
      'const x = Math.random();',
      'const t = performance.now();',
      'const s = AbortSignal.timeout(5);',
      'globalThis.setTimeout(f, 5);',
      'const u = crypto.randomUUID();',
      `process.on('exit', f);`,
      `console.log('x');`,
      'const timers = { setTimeout };',
      'function f(now = Date.now()) {}',
    ],
    good: [
      'runtime.setTimer(5, f);',
      'const m = Math.max(1, 2);',
      'interface A { process(): void; performance: number }',
      'this.#worker.process();',
      'const x = { process: 1 };',
      'class A { process() {} }',
      'function f(process: number) { return process; }',
      'AbortSignal.any([]);',
      '// Date.now() would not do here',
      `const text = 'Date.now()';`,
    ],
  },
  'the server touches the process': {
    rule: globalRule,
    path: 'src/server/server.ts',
    bad: ['process.exit(1);', `console.error('x');`],
    good: ['setTimeout(f, 5);', 'performance.now();'],
  },
  'the command line may touch everything': {
    rule: globalRule,
    path: 'src/cli/main.ts',
    bad: [],
    good: ['process.exit(1);', 'Date.now();'],
  },
  'module-level state': {
    rule: noModuleStateRule,
    path: lock,
    bad: [
      'let counter = 0;',
      'var old = 1;',
      'export let shown = 0;',
      'const cache = new Map<string, number>();',
      'const seen = new Set();',
      'const weak = new WeakMap();',
      'const list = [];',
      'const list: string[] = [1];',
      'class A { static count = 0; }',
      'class A { static readonly all = new Map(); }',
    ],
    good: [
      'const limit = 5;',
      'const table: ReadonlyMap<string, number> = new Map();',
      'const names: ReadonlySet<string> = new Set();',
      'const list: readonly string[] = [];',
      `const list = ['a'] as const;`,
      `const list = ['a'] as const satisfies string[];`,
      'function f() { let local = 0; const m = new Map(); return [local, m]; }',
      'class A { #count = 0; static readonly limit = 5; static make() {} }',
    ],
  },
  'long files': {
    rule: shape.fileLengthRule,
    path: lock,
    bad: ['x;\n'.repeat(401)],
    good: ['x;\n'.repeat(400)],
  },
  'long lines': {
    rule: shape.lineLengthRule,
    path: lock,
    bad: [`// ${'x'.repeat(118)}`],
    good: [`// ${'x'.repeat(117)}`],
  },
  'long functions': {
    rule: shape.functionLengthRule,
    path: lock,
    bad: [
      `function f() {\n${'x;\n'.repeat(69)}}`,
      `const f = () => {\n${'x;\n'.repeat(69)}};`,
      `class A { m() {\n${'x;\n'.repeat(69)}} }`,
      `class A { constructor() {\n${'x;\n'.repeat(69)}} }`,
    ],
    good: [`function f() {\n${'x;\n'.repeat(68)}}`, `class A {\n${'m() {}\n'.repeat(100)}}`],
  },
  'unfinished work': {
    rule: shape.noTodoRule,
    path: lock,
    bad: ['// TODO later', '/* FIXME */', 'x(); // XXX'],
    good: ['// todos are kept elsewhere', 'const todoList = 1;'],
  },
  any: {
    rule: shape.noAnyRule,
    path: lock,
    bad: ['let x: any;', 'f(x as any);', 'type T = Map<string, any>;'],
    good: ['// any of these', 'let x: unknown;', 'Promise.any([]);'],
  },
  'default exports': {
    rule: shape.noDefaultExportRule,
    path: lock,
    bad: [
      'export default 5;',
      'export default function f() {}',
      'export default class A {}',
      `export { a as default } from './a.js';`,
    ],
    good: ['export const x = 5;', `import fs from 'node:fs';`, 'switch (x) { default: }'],
  },
  'suppressed type errors': {
    rule: shape.noSuppressionRule,
    path: lock,
    bad: ['// @ts-ignore', '// @ts-expect-error why', '// @ts-nocheck'],
    good: ['// ts-ignored'],
  },
  'index files that do more than re-export': {
    rule: shape.indexRule,
    path: 'src/lock/index.ts',
    bad: ['export const x = 5;', `import { a } from './a.js';`, 'const y = 1;', 'export { y };', 'f();'],
    good: [`export { a } from './a.js';`, `export * from './b.js';`, `export type { C } from './c.js';`],
  },
  'awaitable objects': {
    rule: shape.noThenRule,
    path: lock,
    bad: ['class A { then(f: unknown) {} }', 'const x = { then: () => 5 };', 'const x = { then() {} };'],
    good: ['promise.then(f);'],
  },
  'tests that sleep': {
    rule: noSleepRule,
    path: 'test/lock/mutex.test.ts',
    bad: [
      'await new Promise((resolve) => setTimeout(resolve, 5));',
      'globalThis.setTimeout(f, 5);',
      `import { setTimeout } from 'node:timers/promises';`,
      `import * as timers from 'timers/promises';`,
      'setInterval(f, 5);',
    ],
    good: ['await runtime.advance(5);', `vi.useFakeTimers({ toFake: ['setTimeout'] });`],
  },
  'tests that do not run': {
    rule: noHiddenTestRule,
    path: 'test/lock/mutex.test.ts',
    bad: [
      `it.only('x', f);`,
      `describe.only('x', f);`,
      `it.skip('x', f);`,
      `describe.skip('x', f);`,
      `it.todo('x');`,
      `it.skipIf(true)('x', f);`,
      `test.each([1]).only('x', f);`,
      'context.skip();',
    ],
    good: [
      `it('x', f);`,
      `describe.skip('x [skipped: no etcd]', f);`,
      `context.skip('no etcd');`,
      `it.each([1])('x', f);`,
      'reader.skip(5);',
    ],
  },
};

describe.each(Object.entries(cases))('the rule against: %s', (_, { rule, path, bad, good }) => {
  if (bad.length > 0) {
    it.each(bad)('finds %j', (text) => {
      expect(lines(rule, path, text).length).toBeGreaterThan(0);
    });
  }

  it.each(good)('leaves %j alone', (text) => {
    expect(lines(rule, path, text)).toEqual([]);
  });
});

describe('a violation', () => {
  it('names the line', () => {
    expect(lines(globalRule, lock, '// first\n\nexport const now = () => Date.now();\n')).toEqual([3]);
    expect(lines(shape.noTodoRule, lock, 'x;\n// TODO\n')).toEqual([2]);
  });
});

const complete: Readme = {
  path: 'src/lock/README.md',
  text: `# Lock
## Status
## Promises
## What it does not promise
## Keys
## Steps
## Invariants
- **LOCK-1** one holder
- **LOCK-2** order; see LOCK-1
## When things fail
| lost reply | … | lost lease | compaction | process pause | store restart |
## Cost
## Prior art and what is different here
after GAP-9
`,
};

describe('a README', () => {
  it('with all sections in order is fine', () => {
    expect(sectionsRule(complete)).toEqual([]);
  });

  it.each(['Status', 'What it does not promise', 'When things fail', 'Cost'])('without "%s" is found', (section) => {
    const text = complete.text.replace(`## ${section}\n`, '');
    expect(sectionsRule({ ...complete, text }).map(({ message }) => message)).toContain(`no section "${section}"`);
  });

  it('with sections out of order is found', () => {
    const text = `# Lock\n## Keys\n${complete.text.replace('## Keys\n', '')}`;
    expect(sectionsRule({ ...complete, text }).map(({ message }) => message)).toEqual(['"Keys" is out of order']);
  });

  it.each(['lost reply', 'compaction', 'store restart'])('that does not say what %s does is found', (fault) => {
    const text = complete.text.replace(fault, '');
    expect(sectionsRule({ ...complete, text }).map(({ message }) => message)).toEqual([`no row for "${fault}"`]);
  });

  it('gives the ids of its invariants and no others', () => {
    expect(new Set(invariantsOf(complete))).toEqual(new Set(['LOCK-1', 'LOCK-2']));
    expect(invariantsOf({ ...complete, text: '# none' })).toEqual([]);
  });
});

describe('invariants and test titles', () => {
  it('are compared both ways', () => {
    const tests = source(
      'test/lock/mutex.test.ts',
      `describe('locks', () => { it('LOCK-1: one holder', f); it.each([1])('LOCK-3, LINE-4 %s', f); });
       // LOCK-8 is only mentioned
       const text = 'LOCK-9'; it('reads UTF-8', f);`,
    );
    expect(idsInTitles(tests)).toEqual(['LOCK-1', 'LOCK-3', 'LINE-4']);
    expect(oneSided(['LOCK-1', 'LOCK-2'], idsInTitles(tests))).toEqual([
      'LOCK-2 is in a README, in no test title',
      'LOCK-3 is in a test title, in no README',
      'LINE-4 is in a test title, in no README',
    ]);
  });
});

describe('a rule of a checker', () => {
  it('that no tale breaks is found', () => {
    const checker = source(
      'src/sim/checkers/x.ts',
      `broken('x: once', m);\nconst rule = 'x: kept';\nconst by = 'in-turn';`,
    );
    const tale = source('test/sim/checkers/x.test.ts', `expect(rules(x(tale))).toEqual(['x: once']);`);
    expect(untoldRules([checker], [tale]).map(({ line }) => line)).toEqual([2]);
  });
});
