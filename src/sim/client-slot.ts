import type { Plan, Script } from './plan.js';
import { type ClientSite, SimClient } from './sim-client.js';
import type { SimLink } from './sim-link.js';
import type { Stage } from './workload.js';

/**
 * A client's place in the run: its scripts, and the process that performs them now. After a crash another process goes
 * on behind the operations that were under way.
 */
export class ClientSlot {
  readonly name: string;
  readonly #site: ClientSite;
  readonly #scripts: Plan['scripts'][number];
  readonly #stage: Stage;
  readonly #onError: (error: unknown) => void;
  /** Per task, the operation that comes next. */
  readonly #next: number[];
  #starts = 0;
  #running = 0;
  #current: SimClient;

  constructor(
    site: ClientSite,
    name: string,
    scripts: Plan['scripts'][number],
    stage: Stage,
    onError: (error: unknown) => void,
  ) {
    this.name = name;
    this.#site = site;
    this.#scripts = scripts;
    this.#stage = stage;
    this.#onError = onError;
    this.#next = scripts.map(() => 0);
    this.#current = this.#start();
  }

  get current(): SimClient {
    return this.#current;
  }

  get link(): SimLink {
    return this.#site.link;
  }

  /** Nothing more will be done here: every task has ended, or died with its process. */
  get idle(): boolean {
    return this.#running === 0 || this.#current.process.crashed;
  }

  restart(): void {
    if (this.#current.process.crashed) this.#current = this.#start();
  }

  #start(): SimClient {
    this.#starts += 1;
    const name = this.#starts === 1 ? this.name : `${this.name}#${this.#starts}`;
    const client = new SimClient(this.#site, name);
    this.#running = this.#scripts.length;
    this.#scripts.forEach((script, task) => {
      // Started by an event of its own, like everything that a process does.
      this.#site.world.after(0, client.process, 'start', () => void this.#perform(client, script, task));
    });
    return client;
  }

  async #perform(client: SimClient, script: Script, task: number): Promise<void> {
    try {
      // Bounded by the script.
      for (let at = this.#take(task); at < script.length; at = this.#take(task)) {
        await this.#stage.perform(client, script[at] ?? null);
      }
    } catch (error) {
      this.#onError(error);
    }
    if (client === this.#current) this.#running -= 1;
  }

  #take(task: number): number {
    const at = this.#next[task] ?? 0;
    this.#next[task] = at + 1;
    return at;
  }
}
