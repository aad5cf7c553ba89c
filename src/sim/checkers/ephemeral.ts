import type { History } from '../history.js';
import { factsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

/** What stands at an ephemeral key: whose it is, whether that one takes what is another's, and which of its values. */
interface Standing {
  readonly owner: string;
  readonly takes: boolean;
  readonly turn: number;
}

/** ` a owner turn `, one behind the other. */
export function showStanding(key: string, { owner, takes, turn }: Standing): string {
  return ` ${key} ${owner} ${turn} ${takes ? 'takes' : 'leaves'} `;
}

/**
 * Nobody’s key is written over by one who was not told to take it, and nobody’s later value by an earlier one. What is
 * left of a key that the same process has given up is its own. That keys come back and stay gone is for
 * `registrations`.
 */
export function ephemeral(history: History): Violation[] {
  const found: Violation[] = [];
  const left = new Map(factsOf(history, 'registration.begins').map(({ data }) => [data.owner, data.after]));
  let before = new Map<string, Standing>();
  for (const { data, note } of factsOf(history, 'state')) {
    const now = standings(String(data.value));
    for (const [key, is] of now) {
      const was = before.get(key);
      if (was === undefined) continue;
      const [from, to] = [`${was.owner} ${was.turn}`, `${is.owner} ${is.turn}`];
      const isOwn = was.owner === is.owner || left.get(is.owner)?.includes(was.owner) === true;
      if (!isOwn && !is.takes) {
        found.push(broken('ephemeral: not over another’s', `${key}: ${to} was put over ${from}`, note));
      } else if (was.owner === is.owner && is.turn < was.turn) {
        found.push(broken('ephemeral: in order', `${key}: ${to} was put over ${from}`, note));
      }
    }
    before = now;
  }
  return found;
}

function standings(text: string): Map<string, Standing> {
  const parts = text.split(' ').filter((each) => each !== '');
  const found = new Map<string, Standing>();
  for (let i = 0; i + 3 < parts.length; i += 4) {
    const [key = '', owner = '', turn = '', takes] = parts.slice(i, i + 4);
    found.set(key, { owner, turn: Number(turn), takes: takes === 'takes' });
  }
  return found;
}
