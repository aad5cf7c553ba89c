import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ConclaveError } from '../../core/errors.js';
import { BoundedWork } from './bounded-work.js';

/** As many as leave one core to everything else. */
const maxWorkers = Math.max(1, Math.min(4, availableParallelism() - 1));
/** At cost 10 the last of them waits for some seconds, which is as long as clients do. */
const maxWaiting = 64;

/** As text, since a file of its own would have to be found from source, from the build and from bundles. */
const program = `
  const { parentPort, workerData } = require('node:worker_threads');
  const bcrypt = require(workerData);
  parentPort.on('message', ({ password, salt }) => {
    try {
      parentPort.postMessage({ hash: bcrypt.hashSync(password, salt) });
    } catch (error) {
      parentPort.postMessage({ failure: error.message });
    }
  });
`;

type Answer = { readonly hash: string } | { readonly failure: string };

/**
 * bcrypt in threads of its own, which start when there is work, and never keep the process alive: at cost 10 a hash
 * takes 50 ms or more of a core, for which the event loop must not stand still. How many compute and how many wait is
 * bounded.
 */
export class BcryptWorkers {
  readonly #work = new BoundedWork(maxWorkers, maxWaiting);
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  /**
   * bcrypt's hash of `password`; `salt`: a salt, or a hash of which to use version, cost and salt.
   *
   * Rejects with `too many requests`, without having started, if too many wait already.
   */
  hash(password: string, salt: string): Promise<string> {
    return this.#work.run(async () => {
      const worker = this.#idle.pop() ?? this.#start();
      const hash = await answerOf(worker, { password, salt });
      this.#idle.push(worker);
      return hash;
    });
  }

  /** What is being computed is not told any more. */
  close(): void {
    for (const worker of this.#all) void worker.terminate();
  }

  #start(): Worker {
    const bcrypt = createRequire(import.meta.url).resolve('bcryptjs');
    const worker = new Worker(program, { eval: true, workerData: bcrypt });
    worker.unref();
    this.#all.add(worker);
    worker.once('exit', () => {
      this.#all.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return worker;
  }
}

/** Rejects if the worker dies over it. */
function answerOf(worker: Worker, request: { readonly password: string; readonly salt: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new ConclaveError('INTERNAL', `cannot compute a password hash: ${why}`));
    const onExit = () => fail('its thread has ended');
    const onError = (error: unknown) => fail(error instanceof Error ? error.message : String(error));
    worker.once('exit', onExit).once('error', onError);
    worker.once('message', (answer: Answer) => {
      worker.off('exit', onExit).off('error', onError);
      if ('hash' in answer) resolve(answer.hash);
      else fail(answer.failure);
    });
    worker.postMessage(request);
  });
}
