/** How the descriptors that a process may have are shared out. */
import { describe, expect, it } from 'vitest';
import type { Admission } from '../../../src/lib/network.js';
import { connectionLimits } from '../../../src/start/connection-limit.js';

function most(admission: Admission): number {
  let count = 0;
  while (admission.enter()) count++;
  admission.leave();
  expect([admission.enter(), admission.enter()]).toEqual([true, false]);
  return count;
}

describe('connections', () => {
  it.each([
    [151, 1, 64],
    [190, 40, 64],
    [1024, 829, 109],
    [1_048_576, 917_437, 131_053],
  ])('of a limit of %i descriptors, clients have %i and peers %i', (limit, clients, peers) => {
    const limits = connectionLimits(limit);
    expect([most(limits.clients), most(limits.peers), most(limits.metrics)]).toEqual([clients, peers, 32]);
    // Files and what the member itself connects to have the rest.
    expect(limit - clients - peers - 32).toBe(150 - 64 - 32);
  });
});
