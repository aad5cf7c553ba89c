import type { ClientSlot } from '../client-slot.js';
import type { Recorder } from '../history.js';
import type { Json, PlannedFault } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimLink } from '../sim-link.js';
import type { SimServer } from '../sim-server.js';
import type { World } from '../world.js';

/** What a fault can get at. */
export interface FaultField {
  readonly world: World;
  readonly server: SimServer;
  readonly slots: readonly ClientSlot[];
  readonly recorder: Recorder;
  readonly random: Prng;
}

/** What is known when a plan is drawn. */
export interface PlanField {
  readonly clients: number;
  readonly ttlMs: number;
}

export interface DrawnFault<Params> {
  readonly durationMs: number;
  readonly params: Params;
}

/** One way in which things go wrong. */
export interface FaultWord {
  readonly word: string;
  draw(random: Prng, field: PlanField): DrawnFault<Json>;
  /** Begins it; the function returned ends it, and is called at `untilMs` or when everything heals. */
  start(field: FaultField, fault: PlannedFault): (() => void) | undefined;
}

/** A word with its own type of parameters. */
export function faultWord<Params extends Json>(
  word: string,
  draw: (random: Prng, field: PlanField) => DrawnFault<Params>,
  start: (field: FaultField, params: Params, fault: PlannedFault) => (() => void) | undefined,
): FaultWord {
  // Whoever drew the parameters wrote them: a plan that was edited by hand is its editor's business.
  return { word, draw, start: (field, fault) => start(field, fault.params as Params, fault) };
}

/** `all`, or the index of one. */
export type Target = number | 'all';

export function drawTarget(random: Prng, { clients }: PlanField): Target {
  return random.chance(0.4) ? 'all' : random.below(clients);
}

export function slotsOf(field: FaultField, target: Target): readonly ClientSlot[] {
  return target === 'all' ? field.slots : field.slots.filter((_, index) => index === target);
}

export function linksOf(field: FaultField, target: Target): readonly SimLink[] {
  return slotsOf(field, target).map(({ link }) => link);
}

/** All clean-ups as one. */
export function together(cleanups: readonly (() => void)[]): () => void {
  return () => {
    for (const cleanup of cleanups) cleanup();
  };
}
