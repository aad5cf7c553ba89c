import type { Runtime } from '../../core/runtime.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { WatchRequest, WatchResponse } from '../../store/messages.js';
import { watchMethods } from '../../wire/methods.js';
import type { DuplexHandler } from '../../wire/rpc-service.js';

/**
 * One stream of watches. Half-close does not end it (protocol.md section 2): events go on until the caller cancels or
 * its connection is gone.
 */
export function watchHandler(
  host: EngineHost,
  runtime: Runtime,
  progressNotifyMs: number,
): DuplexHandler<WatchRequest, WatchResponse> {
  return {
    method: watchMethods.watch,
    open: (reply) => {
      const stream = host.openWatchStream((response) => reply.send(response));
      let stopTimer: (() => void) | undefined;
      return {
        onMessage: (request) => {
          if (wantsProgress(request)) stopTimer ??= every(runtime, progressNotifyMs, () => stream.progressTick());
          stream.handle(request);
        },
        onHalfClose: () => {},
        onCancel: () => {
          stopTimer?.();
          stream.close();
        },
      };
    },
  };
}

function wantsProgress(request: WatchRequest): boolean {
  return request.type === 'create' && request.request.progressNotify === true;
}

/** Calls `fn` at intervals of `periodMs` and up to a tenth more, so that streams made together drift apart. */
function every(runtime: Runtime, periodMs: number, fn: () => void): () => void {
  let stopTimer = () => {};
  const arm = () => {
    const share = (runtime.randomBytes(1)[0] as number) / 255;
    stopTimer = runtime.setTimer(periodMs * (1 + share / 10), () => {
      arm();
      fn();
    });
  };
  arm();
  return () => stopTimer();
}
