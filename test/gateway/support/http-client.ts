import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { SecureContextOptions } from 'node:tls';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly tls?: SecureContextOptions & { readonly servername?: string };
}

/** One HTTP/1.1 request on a connection of its own. */
export async function http(url: string, { method, headers = {}, body, tls }: Call = {}): Promise<HttpAnswer> {
  const options = { method: method ?? (body === undefined ? 'GET' : 'POST'), headers, agent: false };
  const sent = url.startsWith('https:') ? secureRequest(url, { ...options, ...tls }) : request(url, options);
  // What was not sent when the answer came is not missed.
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}

export async function post(url: string, path: string, body: unknown): Promise<{ status: number; json: unknown }> {
  const answer = await http(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: answer.status, json: JSON.parse(answer.text) };
}

/** A stream of the gateway: what is sent and the lines that come back. */
export class HttpStream {
  readonly #sent: ReturnType<typeof request>;
  readonly #lines: string[] = [];
  #rest = '';
  #isEnded = false;
  #wake = () => {};
  response: IncomingMessage | undefined;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#sent = request(url, { method: 'POST', agent: false, headers });
    this.#sent.on('error', () => this.#end());
    this.#sent.on('response', (response) => {
      this.response = response;
      response.setEncoding('utf8').on('data', (part: string) => {
        const lines = (this.#rest + part).split('\n');
        this.#rest = lines.pop() ?? '';
        this.#lines.push(...lines);
        this.#wake();
      });
      response.on('error', () => {}).on('close', () => this.#end());
    });
  }

  send(...messages: unknown[]): void {
    this.#sent.write(messages.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(''));
  }

  halfClose(): void {
    this.#sent.end();
  }

  /** The next line, parsed; undefined at the end. */
  async next(): Promise<unknown> {
    // Each round is a line or the end, which the test's own timeout bounds.
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return JSON.parse(line);
      if (this.#isEnded) return this.#rest === '' ? undefined : JSON.parse(this.#rest);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#sent.destroy();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }
}

/** Sends `bytes` as they are, and never closes by itself. */
export class RawHttp {
  readonly socket: Socket;
  readonly #closed: Promise<unknown>;
  #text = '';

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.setEncoding('latin1').on('data', (part) => {
      this.#text += String(part);
    });
    this.socket.on('error', () => {});
    this.#closed = once(this.socket, 'close');
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  get text(): string {
    return this.#text;
  }

  /** Everything that came until the server closed the connection. */
  async untilClosed(): Promise<string> {
    await this.#closed;
    return this.#text;
  }
}

export function base64(value: string): string {
  return Buffer.from(value, 'utf8').toString('base64');
}
