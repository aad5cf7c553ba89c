import type { Row } from '../row.js';
import { barrierRows } from './barrier-rows.js';
import { cacheRows } from './cache-rows.js';
import { clientCallRows } from './client-calls.js';
import { clientWatchRows } from './client-watch.js';
import { counterRows } from './counter-rows.js';
import { electionRows } from './election-rows.js';
import { embeddedRows } from './embedded-rows.js';
import { flagsRows } from './flags-rows.js';
import { handOverRows } from './hand-over-rows.js';
import { lockRows } from './lock-rows.js';
import { queueRows } from './queue-rows.js';
import { registryRows } from './registry-rows.js';
import { scaleRows } from './scale-rows.js';
import { http2Row, serverCallRows } from './server-calls.js';
import { serverLifeRows } from './server-life.js';
import { serverStreamRows } from './server-streams.js';

/** Every row, in the order of the table. */
export function allRows(): readonly Row[] {
  return [
    ...serverCallRows(),
    http2Row,
    ...serverStreamRows,
    ...serverLifeRows,
    ...lockRows,
    ...handOverRows,
    ...electionRows,
    ...counterRows,
    ...barrierRows,
    ...cacheRows,
    ...clientCallRows(),
    ...clientWatchRows,
    ...embeddedRows,
    ...flagsRows,
    ...queueRows,
    ...registryRows,
    ...scaleRows,
  ];
}
