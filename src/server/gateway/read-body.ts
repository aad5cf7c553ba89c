import type { Runtime } from '../../core/runtime.js';
import type { HttpExchange } from './exchange.js';

/** `gone`: the caller, so that there is nobody to answer. */
export type ReadBody =
  | { readonly type: 'complete'; readonly bytes: Buffer }
  | { readonly type: 'too-large' | 'too-slow' | 'gone' };

/** The request's body, if it is complete within `timeoutMs` and no more than `maxBytes`. */
export function readBody(
  exchange: HttpExchange,
  runtime: Runtime,
  maxBytes: number,
  timeoutMs: number,
): Promise<ReadBody> {
  if (Number(exchange.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve({ type: 'too-large' });
  const { body } = exchange;
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let size = 0;
    const settle = (result: ReadBody) => {
      stopTimer();
      body.off('data', onData);
      body.off('end', onEnd);
      if (result.type !== 'complete') body.pause();
      resolve(result);
    };
    const onData = (part: Buffer) => {
      size += part.length;
      if (size > maxBytes) settle({ type: 'too-large' });
      else parts.push(part);
    };
    const onEnd = () => settle({ type: 'complete', bytes: Buffer.concat(parts) });
    const stopTimer = runtime.setTimer(timeoutMs, () => settle({ type: 'too-slow' }));
    body.on('data', onData);
    body.on('end', onEnd);
    exchange.onClose(() => settle({ type: 'gone' }));
  });
}
