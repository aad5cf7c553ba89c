import { ConclaveError } from '../../core/errors.js';
import { version } from '../../core/version.js';
import type { ReportBug } from '../grpc/serve-call.js';
import type { HttpExchange } from './exchange.js';
import { type Gateway, hasLongBody } from './gateway.js';
import { jsonHeaders, textHeaders } from './headers.js';
import { answerHealth, answerProbe, type probes } from './health.js';
import type { Metric } from './prometheus.js';
import { prometheusText, prometheusType } from './prometheus.js';
import type { SelfCheck } from './self-check.js';
import { refusalOf, type VisitorRules } from './visitor.js';

export interface SiteParts {
  readonly rules: VisitorRules;
  readonly gateway: Gateway;
  readonly check: SelfCheck;
  readonly metrics: () => Promise<readonly Metric[]>;
  readonly report: ReportBug;
}

/** Everything of the server's port that is no gRPC: looks who calls, then finds the page or the gateway. */
export class Site {
  readonly #parts: SiteParts;

  constructor(parts: SiteParts) {
    this.#parts = parts;
  }

  readonly serve = (exchange: HttpExchange): void => {
    const refusal = refusalOf(exchange, this.#parts.rules);
    if (refusal !== undefined) {
      exchange.answer(refusal.status, textHeaders, `${refusal.text}\n`, hasLongBody(exchange));
      return;
    }
    const page = this.#page(exchange);
    if (page === undefined) this.#parts.gateway.serve(exchange);
    else if (exchange.method !== 'GET') {
      exchange.answer(405, { ...textHeaders, allow: 'GET' }, 'Method Not Allowed\n', hasLongBody(exchange));
    } else void this.#show(exchange, page);
  };

  #page(exchange: HttpExchange): (() => Promise<void>) | undefined {
    const { check } = this.#parts;
    switch (exchange.path) {
      case '/health':
        return () => answerHealth(exchange, check);
      case '/version':
        return () => this.#version(exchange);
      case '/metrics':
        return () => this.#metrics(exchange);
    }
    const [, name, part] = /^\/(livez|readyz)(?:\/(.*))?$/.exec(exchange.path) ?? [];
    if (name === undefined) return undefined;
    return () => answerProbe(exchange, check, name as keyof typeof probes, part);
  }

  async #show(exchange: HttpExchange, page: () => Promise<void>): Promise<void> {
    try {
      await page();
    } catch (error) {
      if (ConclaveError.is(error, 'UNAVAILABLE', 'TIMEOUT')) {
        exchange.answer(503, textHeaders, `${error.message}\n`);
        return;
      }
      this.#parts.report(error);
      exchange.answer(500, textHeaders, 'internal error\n');
    }
  }

  async #version(exchange: HttpExchange): Promise<void> {
    const status = await this.#parts.check.status();
    const etcdserver = status?.version ?? 'unknown';
    const etcdcluster = etcdserver.replace(/\.\d+$/, '.0');
    exchange.answer(200, jsonHeaders, JSON.stringify({ etcdserver, etcdcluster, conclave: version }));
  }

  async #metrics(exchange: HttpExchange): Promise<void> {
    const text = prometheusText(await this.#parts.metrics());
    exchange.answer(200, { ...textHeaders, 'content-type': prometheusType }, text);
  }
}
