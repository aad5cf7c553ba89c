import { HealthImplementation } from 'grpc-health-check';
import { describe, expect, it } from 'vitest';
import { connect } from '../../src/connect/connect.js';
import { tieHealth } from '../../src/grpc/tie-health.js';

describe('tieHealth', () => {
  it('says what the registry says', async () => {
    const conclave = await connect('memory:');
    const registration = await conclave.registry.register({ service: 'users', address: 'a:80' });
    const said: string[] = [];
    const health = new HealthImplementation();
    const setStatus: HealthImplementation['setStatus'] = (service, status) => {
      said.push(`${service}: ${status}`);
      health.setStatus(service, status);
    };
    const untie = tieHealth(registration, { setStatus }, ['', 'users.Users']);
    const switched = new Promise<void>((resolve) => registration.events.once('enabled', () => resolve()));
    await conclave.registry.setEnabled('users', registration.id, false);
    await switched;
    await conclave.registry.setEnabled('users', registration.id, true);
    await registration.drain();
    expect(said.at(-1)).toBe('users.Users: NOT_SERVING');
    expect(registration.status).toBe('draining');
    await registration.deregister();
    untie();
    const last = (index: number) => said.filter((each) => each.startsWith(index === 0 ? ': ' : 'users'));
    expect(last(0)[0]).toBe(': SERVING');
    expect(last(1)[1]).toBe('users.Users: NOT_SERVING');
    expect(said.at(-1)).toBe('users.Users: NOT_SERVING');
    expect(said).toContain(': NOT_SERVING');
    await conclave.close();
  });
});
