import { describe, expect, it } from 'vitest';
import { errorOfGrpc } from '../../src/channels/grpc-calls.js';

/** What grpc-js fails with. */
const failure = (code: number, details: string) => Object.assign(new Error(`${code}: ${details}`), { code, details });

describe('errors of grpc-js', () => {
  it.each([
    [8, 'Bandwidth exhausted or memory limit exceeded'],
    [13, 'Received RST_STREAM with code 2 (Internal server error)'],
    [1, 'Call cancelled'],
    [14, 'Connection dropped'],
  ])('%i "%s": the connection broke, and the request may have been applied', (code, details) => {
    expect(errorOfGrpc('a:1', failure(code, details))).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
  });

  it('no connection: nothing was sent', () => {
    const error = errorOfGrpc('a:1', failure(14, 'No connection established. Last error: Error: refused.'));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', outcome: 'not-applied' });
  });

  it("etcd's own words stay as they are", () => {
    const error = errorOfGrpc('a:1', failure(8, 'etcdserver: mvcc: database space exceeded'));
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', message: 'etcdserver: mvcc: database space exceeded' });
    expect(errorOfGrpc('a:1', failure(8, 'etcdserver: too many requests')).code).not.toBe('UNAVAILABLE');
  });
});
