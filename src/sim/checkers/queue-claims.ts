import type { History } from '../history.js';
import { factsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/** Of a group one job is in hand at a time, by the store's own word at every revision; it ends with its last job. */
export function oneOfAGroup(history: History): Violation[] {
  const left = factsOf(history, 'queue.groups').flatMap(({ object, data, note }) => {
    if (data.keys.length === 0) return [];
    return [broken('queue: groups end', `${object}: no job is left, but ${data.keys.join(', ')}`, note)];
  });
  const beside = factsOf(history, 'queue.beside').map(({ object, data, note }) => {
    const message = `${object}: ${data.items.join(' and ')} of group ${data.group} were claimed at once`;
    return broken('queue: one of a group', message, note);
  });
  return [...left, ...beside];
}

/** Who claims takes the first that are ready, by the store's own word, and nothing from a paused queue. */
export function firstAreClaimed(history: History): Violation[] {
  return factsOf(history, 'queue.passed').map(({ object, data, note }) => {
    return broken('queue: the first are claimed', `${object}: ${data.keys.join(', ')} stood in front of a claim`, note);
  });
}

/** How far a job is, is told by its live claim alone, and never falls back to what that claim had said before. */
export function progressByLiveClaim(history: History): Violation[] {
  const last = new Map<string, { readonly claim: bigint; readonly step: number }>();
  return factsOf(history, 'queue.progress').flatMap(({ object, data, note }) => {
    const before = last.get(`${object} ${data.job}`);
    last.set(`${object} ${data.job}`, data);
    const rule = 'queue: progress by the live claim';
    if (data.claim !== data.live) {
      const message = `${object}: claim ${data.claim} reported on ${data.job}, which was claim ${data.live}'s`;
      return [broken(rule, message, note)];
    }
    if (before === undefined || before.claim !== data.claim || before.step <= data.step) return [];
    const message = `${object}: claim ${data.claim} of ${data.job} fell from step ${before.step} back to ${data.step}`;
    return [broken(rule, message, note)];
  });
}
