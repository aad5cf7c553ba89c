import { isPlainObject, isSafeName, jsonOrText } from '../core/plain.js';

/** Where a value can come from, the weakest first; `override` is the operator's file. */
export const layerNames = ['defaults', 'file', 'store', 'environment', 'command-line', 'override'] as const;

export type LayerName = (typeof layerNames)[number];

export type Layers = Readonly<Partial<Record<LayerName, unknown>>>;

/** Where each value comes from, by its place: `db/host`. */
export type Sources = ReadonlyMap<string, LayerName>;

/**
 * One value of all layers: objects are merged by their members, everything else is taken from the strongest that has
 * it. An absent layer is undefined. What only one of them has is not copied; frozen if they are.
 */
export function mergeLayers(layers: Layers): unknown {
  return layerNames.reduce<unknown>((below, name) => over(below, layers[name]), undefined);
}

function over(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (!isPlainObject(above) || !isPlainObject(below)) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    if (name !== '__proto__') merged[name] = over(Object.hasOwn(merged, name) ? merged[name] : undefined, value);
  }
  return Object.freeze(merged);
}

/** Where each value of the merged layers comes from. */
export function sourcesOf(layers: Layers): Sources {
  const sources = new Map<string, LayerName>();
  const present = layerNames.map((layer) => ({ layer, value: layers[layer] }));
  collect(
    present.filter(({ value }) => value !== undefined),
    '',
    sources,
  );
  return sources;
}

interface Layered {
  readonly layer: LayerName;
  readonly value: unknown;
}

function collect(layers: readonly Layered[], path: string, sources: Map<string, LayerName>): void {
  const top = layers.at(-1);
  if (top === undefined) return;
  // What lies below something that is no object cannot be merged with what lies above.
  const merged = layers.slice(layers.findLastIndex(({ value }) => !isPlainObject(value)) + 1);
  const names = new Set(merged.flatMap(({ value }) => Object.keys(value as object)));
  if (names.size === 0) sources.set(path, top.layer);
  for (const name of names) {
    const below = merged.flatMap(({ layer, value }) => {
      const member = Object.hasOwn(value as object, name) ? (value as Record<string, unknown>)[name] : undefined;
      return member === undefined ? [] : [{ layer, value: member }];
    });
    collect(below, path === '' ? name : `${path}/${name}`, sources);
  }
}

/**
 * The layer of environment variables: `APP_DB__POOL_SIZE=5` with the prefix `APP_` is `{ db: { poolSize: 5 } }`. Two
 * underscores go a level down; a value that is no JSON is text.
 */
export function environmentLayer(
  environment: Readonly<Record<string, string | undefined>>,
  prefix: string,
): Readonly<Record<string, unknown>> | undefined {
  return layerOf(
    Object.entries(environment).flatMap(([name, text]) =>
      text === undefined || !name.startsWith(prefix) || name === prefix
        ? []
        : [[name.slice(prefix.length).split('__').map(camelCase), text] as const],
    ),
  );
}

/** The layer of the command line: `--config.db.poolSize=5`; a value that is no JSON is text. */
export function commandLineLayer(args: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  return layerOf(
    args.flatMap((arg) => {
      const [, path, text] = /^--config\.([^=]+)=(.*)$/s.exec(arg) ?? [];
      return path === undefined || text === undefined ? [] : [[path.split('.'), text] as const];
    }),
  );
}

function layerOf(entries: readonly (readonly [string[], string])[]): Record<string, unknown> | undefined {
  const root: Record<string, unknown> = {};
  for (const [names, text] of entries) {
    if (!names.every(isSafeName)) continue;
    const last = names.pop() as string;
    let branch = root;
    for (const name of names) {
      const next = Object.hasOwn(branch, name) ? branch[name] : undefined;
      branch[name] = isPlainObject(next) ? next : {};
      branch = branch[name] as Record<string, unknown>;
    }
    branch[last] = jsonOrText(text);
  }
  return entries.length > 0 ? root : undefined;
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_+(.)/g, (_, letter: string) => letter.toUpperCase());
}
