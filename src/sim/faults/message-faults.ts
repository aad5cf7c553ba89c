import type { TxnRequest } from '../../store/messages.js';
import { kvMethods } from '../../wire/methods.js';
import type { Message, Rule } from '../sim-link.js';
import {
  drawTarget,
  type FaultField,
  type FaultWord,
  faultWord,
  linksOf,
  type Target,
  together,
} from './fault-word.js';
import { mayRunTwice } from './may-run-twice.js';

type Sometimes = { readonly client: Target; readonly chance: number };

/** Some messages take long: up to several TTLs, so that they arrive after what they are about is over. */
export const delay: FaultWord = faultWord<Sometimes & { readonly maxMs: number }>(
  'delay',
  (random, field) => ({
    durationMs: random.between(500, 6000),
    params: {
      client: drawTarget(random, field),
      chance: random.pick([0.05, 0.2, 1]),
      maxMs: random.pick([50, 400, field.ttlMs, 2 * field.ttlMs]),
    },
  }),
  (field, { client, chance, maxMs }) =>
    onLinks(field, client, (_, fate, random) => {
      if (random.chance(chance)) fate.delayMs += random.between(0, maxMs);
    }),
);

/** The server never sees the request, or the stream breaks on the way to it. */
export const loseRequest: FaultWord = losing('lose-request', 'toServer');

/** The server has done it, and the client never hears so. */
export const loseReply: FaultWord = losing('lose-reply', 'toClient');

/**
 * The request is carried out twice, and the second answer counts: what npm etcd3's default policy and retrying proxies
 * do when the first answer was lost (DESIGN.md section 2, rule 3). Only requests that are promised to be safe to
 * repeat: see `mayRunTwice`. Messages of streams are never repeated: TCP does not.
 */
export const duplicate: FaultWord = faultWord<Sometimes>(
  'duplicate',
  (random, field) => ({
    durationMs: random.between(1000, 6000),
    params: { client: drawTarget(random, field), chance: random.pick([0.1, 0.5, 1]) },
  }),
  (field, { client, chance }) =>
    onLinks(field, client, (message, fate, random) => {
      if (message.shape === 'unary' && message.direction === 'toServer' && mayRunTwice(message)) {
        fate.twice ||= random.chance(chance);
      }
    }),
);

/**
 * etcd has reached its quota: of what puts something it carries out the first and says of them, as of the rest, that it
 * has no room (`quotaApplierV3`).
 */
export const noRoom: FaultWord = faultWord<Sometimes & { readonly applied: number }>(
  'no-room',
  (random, field) => ({
    durationMs: random.between(500, 4000),
    params: {
      client: drawTarget(random, field),
      chance: random.pick([0.05, 0.3, 1]),
      applied: random.pick([0, 0.5, 1]),
    },
  }),
  (field, { client, chance, applied }) =>
    onLinks(field, client, ({ shape, direction, path, body }, fate, random) => {
      if (shape !== 'unary' || direction !== 'toServer' || !grows(path, body) || !random.chance(chance)) return;
      fate.noRoom = random.chance(applied) ? 'applied' : 'refused';
    }),
);

function grows(path: string, body: unknown): boolean {
  return path === kvMethods.put.path || (path === kvMethods.txn.path && puts(body as TxnRequest));
}

function puts({ success = [], failure = [] }: TxnRequest): boolean {
  return [...success, ...failure].some((op) => op.type === 'put' || (op.type === 'txn' && puts(op.request)));
}

function losing(word: string, direction: Message['direction']): FaultWord {
  return faultWord<Sometimes & { readonly how: 'silently' | 'reset' | 'either' }>(
    word,
    (random, field) => ({
      durationMs: random.between(500, 4000),
      params: {
        client: drawTarget(random, field),
        chance: random.pick([0.05, 0.3, 1]),
        how: random.pick(['silently', 'reset', 'either'] as const),
      },
    }),
    (field, { client, chance, how }) => {
      const stop = onLinks(field, client, (message, fate, random) => {
        if (message.direction !== direction || !random.chance(chance)) return;
        fate.lost = how === 'either' ? random.pick(['silently', 'reset'] as const) : how;
      });
      return together([stop, () => endSilence(field)]);
    },
  );
}

/** The transport finds out which streams have gone dumb, and gives them up. */
function endSilence({ server }: FaultField): void {
  for (const channel of server.channels) {
    for (const stream of channel.streams) if (stream.silenced) stream.reset();
  }
}

function onLinks(field: FaultField, client: Target, rule: Rule): () => void {
  return together(linksOf(field, client).map((link) => link.add(rule)));
}
