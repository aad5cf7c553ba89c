/** The layers of DESIGN section 2: what a folder of `src` may know. */
export interface Layer {
  /**
   * Other folders of `src`, or `everything below` by name; `recipes` stands for every folder that is no named layer.
   */
  readonly mayImport: readonly string[];
  /** Whether Node's own modules may be used. */
  readonly node: boolean;
  /** npm packages. */
  readonly packages: readonly string[];
  /**
   * `none`: no clock, timer or chance but `Runtime`'s, no process; `host`: they may be used, `process` not;
   * `process`: all.
   */
  readonly globals: 'none' | 'host' | 'process';
}

const pure = { node: false, packages: ['eventemitter3'], globals: 'none' } as const;
const base = ['core', 'store', 'lease', 'line', 'versions'] as const;

const assembly = {
  mayImport: [
    '',
    'connect',
    ...base,
    'cron',
    'recipes',
    'schedule',
    'engine',
    'wire',
    'http2-client',
    'channels',
    'storage',
    'node',
    'server',
    'sim',
    'testing',
    'openfeature',
  ],
  node: true,
  globals: 'host',
} as const;

const table: Readonly<Record<string, Layer>> = {
  core: { ...pure, mayImport: [] },
  store: { ...pure, mayImport: ['core'] },
  lease: { ...pure, mayImport: ['core', 'store'] },
  line: { ...pure, mayImport: ['core', 'store', 'lease'] },
  // Values with what has been of them: what configuration and flags share.
  versions: { ...pure, mayImport: base },
  // When something is to happen again: asked with a time, tells a time. Its parser knows `Date`, and reads no clock.
  cron: { mayImport: ['core'], node: false, packages: ['croner'], globals: 'host' },
  recipes: { ...pure, mayImport: [...base, 'cron'] },
  // Single runs: made of a queue.
  schedule: { ...pure, mayImport: [...base, 'cron', 'recipes'] },
  engine: { ...pure, mayImport: ['core', 'store'] },
  // The simulator runs it too: as pure as the recipes.
  wire: { ...pure, mayImport: ['core', 'store'] },
  // HTTP/2 without a socket, either side of it.
  http2: { ...pure, mayImport: ['core'], packages: [] },
  // A client's end of its connections, on sockets.
  'http2-client': { mayImport: ['core', 'http2'], node: true, packages: [], globals: 'host' },
  // The edge to the disk: `node:fs`, and the Unix socket that locks a directory.
  storage: { mayImport: ['core', 'store', 'engine', 'wire'], node: true, packages: [], globals: 'host' },
  channels: {
    mayImport: ['core', 'store', 'wire', 'http2', 'http2-client'],
    node: true,
    packages: ['@grpc/grpc-js', 'etcd3'],
    globals: 'host',
  },
  // Tells the layers above about the host, in their own types.
  node: { mayImport: base, node: true, packages: [], globals: 'process' },
  server: {
    mayImport: [...base, 'recipes', 'engine', 'wire', 'http2', 'http2-client'],
    node: true,
    packages: ['bcryptjs'],
    globals: 'host',
  },
  sim: { ...pure, mayImport: [...base, 'cron', 'recipes', 'schedule', 'engine', 'wire', 'server'] },
  // Hands out what `connect()` does, hence the facade and how its context is made; `node` for its real time.
  testing: { ...pure, mayImport: ['', 'connect', 'node', ...base, 'recipes', 'engine', 'wire', 'server', 'sim'] },
  // An OpenFeature provider: evaluates in process, with flagd's evaluator.
  openfeature: {
    mayImport: ['', ...base, 'recipes'],
    node: false,
    packages: ['@openfeature/core', '@openfeature/flagd-core', '@openfeature/server-sdk'],
    globals: 'none',
  },
  // Adapters for other libraries' users: each knows its library, and the recipe that it opens to them.
  grpc: { mayImport: ['core', 'recipes'], node: false, packages: ['@grpc/grpc-js'], globals: 'host' },
  http: { mayImport: ['core', 'recipes'], node: false, packages: ['undici'], globals: 'host' },
  // Puts the parts together. Of `etcd3` only types, see `packageRule`.
  connect: { ...assembly, packages: ['etcd3', 'p-retry'] },
  // `src/*.ts`.
  '': { ...assembly, packages: ['etcd3'] },
  cli: { ...assembly, packages: ['commander', 'p-retry'], globals: 'process' },
};

/** `src/lock/mutex.ts` is in folder `lock`, `src/index.ts` in folder ``. */
export function folderOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? '';
}

export function isRecipe(folder: string): boolean {
  return !Object.hasOwn(table, folder);
}

/** A folder that is no named layer is a recipe's. */
export function layerOf(folder: string): Layer {
  return (isRecipe(folder) ? table.recipes : table[folder]) as Layer;
}

/** Whether a file in folder `from` may import one in folder `to`. */
export function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  return layerOf(from).mayImport.includes(isRecipe(to) ? 'recipes' : to);
}
