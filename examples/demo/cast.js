// The processes of the demo: one server and its workers, and what they say.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../dist/bin/conclave.js', import.meta.url));
const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Ends with us even if we are killed: then nobody keeps its stdin open. */
const serveFlags = ['serve', '--listen', '127.0.0.1:0', '--json', '--exit-with-stdin'];

/** For a process that was asked to end. */
const patienceMs = 10_000;

export class Cast {
  url = '';
  #server;
  #workers = new Map();
  #listeners = new Set();
  #failure = new AbortController();

  /** Starts `conclave serve` on a free port. */
  async serve() {
    const server = spawn(process.execPath, [cli, ...serveFlags], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#server = server;
    server.once('exit', (code) => this.fail(new Error(`conclave serve has ended with code ${code}`)));
    const [line] = await this.#unlessFailed(once(createInterface({ input: server.stdout }), 'line'));
    this.url = JSON.parse(line).url;
  }

  /** Starts a worker process. Whatever it says is heard as `{ name, type, … }`. */
  start(name, { ttlMs, planted = '' }) {
    const worker = fork(workerFile, [name, this.url, String(ttlMs), planted]);
    this.#workers.set(name, worker);
    worker.on('message', (message) => {
      for (const listener of this.#listeners) listener({ name, ...message });
    });
    worker.once('exit', (code) => {
      if (code !== 0 && !worker.killed) this.fail(new Error(`${name} has ended with code ${code}`));
    });
  }

  /** Calls `listener` with everything that is said. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next message that `wanted` takes. */
  hear(wanted) {
    let stop;
    const heard = new Promise((resolve) => {
      stop = this.listen((message) => {
        if (wanted(message)) resolve(message);
      });
    });
    return this.#unlessFailed(heard).finally(() => stop());
  }

  say(name, type) {
    this.#workers.get(name).send({ type });
  }

  /** SIGKILL: no handler runs, no connection is closed by the program. Resolves when the process is gone. */
  async kill(name) {
    const worker = this.#workers.get(name);
    this.#workers.delete(name);
    await ended(worker, 'SIGKILL');
  }

  /** Tells every worker to finish; resolves when all have. */
  async end() {
    const exits = [...this.#workers.values()].map((worker) => once(worker, 'exit'));
    for (const name of this.#workers.keys()) this.say(name, 'end');
    await this.#unlessFailed(Promise.all(exits));
    this.#workers.clear();
  }

  /** Makes every wait reject with `error`. */
  fail(error) {
    this.#failure.abort(error);
  }

  /** Rejects when something fails. */
  untilFailure() {
    return this.#unlessFailed(new Promise(() => {}));
  }

  /** Ends whatever still runs. */
  async close() {
    this.fail(new Error('the demo is over'));
    await Promise.all([...this.#workers.values()].map((worker) => ended(worker, 'SIGKILL')));
    if (this.#server !== undefined) await ended(this.#server, 'SIGTERM');
  }

  #unlessFailed(promise) {
    const { signal } = this.#failure;
    let stop = () => {};
    const failed = new Promise((_resolve, reject) => {
      const onFailure = () => reject(signal.reason);
      if (signal.aborted) onFailure();
      signal.addEventListener('abort', onFailure);
      stop = () => signal.removeEventListener('abort', onFailure);
    });
    return Promise.race([promise, failed]).finally(stop);
  }
}

async function ended(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  const insist = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await exit;
  clearTimeout(insist);
}
