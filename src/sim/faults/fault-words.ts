import * as client from './client-faults.js';
import * as connection from './connection-faults.js';
import type { FaultWord } from './fault-word.js';
import * as message from './message-faults.js';
import * as server from './server-faults.js';

/** Their order is part of what a seed means. */
export const firstWords: readonly FaultWord[] = [
  message.delay,
  message.loseRequest,
  message.loseReply,
  message.duplicate,
  connection.reset,
  connection.halfOpen,
  connection.partition,
  server.serverPause,
  server.serverRestart,
  server.compaction,
  server.droppedDelete,
  server.earlyRevocation,
  server.leaderChange,
  client.clientPause,
  client.clientCrash,
  client.clockJump,
  client.clockRate,
  connection.fade,
];

/** Drawn after those, so that a seed has the rest as it had before there were these: new ones go here. */
export const laterWords: readonly FaultWord[] = [message.noRoom];

/** Every fault there is. */
export const faultWords: readonly FaultWord[] = [...firstWords, ...laterWords];

export function faultWordOf(name: string): FaultWord {
  const found = faultWords.find(({ word }) => word === name);
  if (found === undefined) throw new Error(`no fault is called ${name}`);
  return found;
}
