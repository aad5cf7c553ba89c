import { deepCopy, deepFreeze } from '../core/plain.js';
import { type Issue, judge, type StandardSchema, type Verdict } from '../core/standard-schema.js';
import type { LayerFiles } from './layer-files.js';
import { commandLineLayer, environmentLayer, type Layers, mergeLayers, type Sources } from './layers.js';
import type { LayerOptions } from './options.js';
import type { Assembled } from './tree.js';

/** A value of all layers, and what the schema says of it. */
export type Judged = { readonly value: unknown; readonly sources: Sources } | { readonly issues: readonly Issue[] };

/** Puts the store's word together with the other layers, and asks the schema. */
export class JudgedLayers {
  readonly #fixed: Layers;
  readonly #files: LayerFiles;
  readonly #schema: StandardSchema | undefined;

  constructor(options: LayerOptions, files: LayerFiles, schema: StandardSchema | undefined) {
    const { defaults, environment, environmentPrefix = 'APP_', args } = options;
    this.#fixed = {
      defaults: deepCopy(defaults),
      environment: environment && environmentLayer(environment, environmentPrefix),
      'command-line': args && commandLineLayer(args),
    };
    this.#files = files;
    this.#schema = schema;
  }

  /** A promise only if the schema is one of promises. */
  judge(store: Assembled): Judged | Promise<Judged> {
    const issues = [...('issues' in store ? store.issues : []), ...this.#files.issues];
    if (issues.length > 0 || 'issues' in store) return { issues };
    const { value, sources } = mergeLayers({
      ...this.#fixed,
      file: this.#files.valueOf('file'),
      store: store.value,
      override: this.#files.valueOf('override'),
    });
    const verdict = judge(this.#schema, deepFreeze(value));
    const done = (said: Verdict): Judged => ('issues' in said ? said : { value: deepFreeze(said.value), sources });
    return verdict instanceof Promise ? verdict.then(done) : done(verdict);
  }
}
