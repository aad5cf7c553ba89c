import { deepCopy, deepFreeze } from '../core/plain.js';
import { type Issue, judge, type StandardSchema, type Verdict } from '../core/standard-schema.js';
import type { LayerFiles } from './layer-files.js';
import { commandLineLayer, environmentLayer, type Layers, mergeLayers, type Sources, sourcesOf } from './layers.js';
import type { LayerOptions } from './options.js';
import type { Assembled } from './tree.js';

/** A value of all layers, and what the schema says of it. */
export type Judged = Valid | { readonly issues: readonly Issue[] };

export interface Valid {
  readonly value: unknown;
  /** Found when asked for: few ask, and it costs a look at every value. */
  readonly sources: () => Sources;
}

/** Puts the store's word together with the other layers, and asks the schema. */
export class JudgedLayers {
  readonly #fixed: Layers;
  readonly #files: LayerFiles;
  readonly #schema: StandardSchema | undefined;

  constructor(options: LayerOptions, files: LayerFiles, schema: StandardSchema | undefined) {
    const { defaults, environment, environmentPrefix = 'APP_', args } = options;
    this.#fixed = {
      defaults: deepFreeze(deepCopy(defaults)),
      environment: deepFreeze(environment && environmentLayer(environment, environmentPrefix)),
      'command-line': deepFreeze(args && commandLineLayer(args)),
    };
    this.#files = files;
    this.#schema = schema;
  }

  /** A promise only if the schema is one of promises. */
  judge(store: Assembled): Judged | Promise<Judged> {
    const issues = [...('issues' in store ? store.issues : []), ...this.#files.issues];
    if (issues.length > 0 || 'issues' in store) return { issues };
    const layers = {
      ...this.#fixed,
      file: this.#files.valueOf('file'),
      store: store.value,
      override: this.#files.valueOf('override'),
    };
    // Frozen all through, as every layer is.
    const value = mergeLayers(layers);
    const sources = () => sourcesOf(layers);
    const done = (said: Verdict): Judged => {
      if ('issues' in said) return said;
      return { value: said.value === value ? value : deepFreeze(said.value), sources };
    };
    const verdict = judge(this.#schema, value);
    return verdict instanceof Promise ? verdict.then(done) : done(verdict);
  }
}
