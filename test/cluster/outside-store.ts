import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** What is told of an access: refused for an old fence, or carried out. */
export type Access<T> = { readonly refused: true } | { readonly refused: false; readonly value: T };

interface Question {
  readonly id: number;
  readonly op: 'read' | 'write';
  readonly object: string;
  /** Null: whoever asks shows none, and is let through. */
  readonly fence: string | null;
  readonly value?: string;
}

interface Answer {
  readonly id: number;
  readonly refused: boolean;
  readonly value?: string;
}

interface Cell {
  value: string;
  writes: number;
  fence: bigint;
}

/**
 * Something that etcd knows nothing of: a database, a file share. It remembers the highest fence that it was shown,
 * with reads as well as with writes, and refuses lower ones (DESIGN.md section 3, rule 11).
 */
export class OutsideStore {
  readonly #cells = new Map<string, Cell>();
  readonly #server: Server = createServer((socket) => this.#serve(socket));

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    createInterface({ input: socket }).on('line', (line) => {
      socket.write(`${JSON.stringify(this.#answer(JSON.parse(line) as Question))}\n`);
    });
  }

  #answer({ id, op, object, fence, value }: Question): Answer {
    const cell = this.#cells.get(object) ?? { value: '', writes: 0, fence: 0n };
    this.#cells.set(object, cell);
    const shown = fence === null ? cell.fence : BigInt(fence);
    if (shown < cell.fence) return { id, refused: true };
    cell.fence = shown;
    if (op === 'read') return { id, refused: false, value: cell.value };
    cell.value = value ?? '';
    cell.writes += 1;
    return { id, refused: false, value: String(cell.writes) };
  }
}

/** A client's connection to it. */
export class OutsideClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  static async connect(port: number): Promise<OutsideClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new OutsideClient(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    createInterface({ input: socket }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  async read(object: string, fence: bigint | null): Promise<Access<string>> {
    const { refused, value } = await this.#ask({ op: 'read', object, fence: shown(fence) });
    return refused ? { refused } : { refused, value: value ?? '' };
  }

  /** Resolves to the place of the write in the store's order. */
  async write(object: string, fence: bigint | null, value: string): Promise<Access<bigint>> {
    const answer = await this.#ask({ op: 'write', object, fence: shown(fence), value });
    return answer.refused ? { refused: true } : { refused: false, value: BigInt(answer.value ?? 0) };
  }

  close(): void {
    this.#socket.end();
  }

  #ask(question: Omit<Question, 'id'>): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.write(`${JSON.stringify({ id, ...question })}\n`);
    return answered;
  }
}

function shown(fence: bigint | null): string | null {
  return fence === null ? null : String(fence);
}

// As a process of its own: tells its port, and ends with whoever started it.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const store = new OutsideStore();
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port: await store.listen() });
}
