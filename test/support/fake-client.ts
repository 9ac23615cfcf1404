import { Client } from '../../src/client/client.js';
import type { ClientOptions } from '../../src/client/options.js';
import { FakeChannel } from './fake-channel.js';
import { ManualClock } from './manual-clock.js';
import { seededRandom } from './seeded-random.js';

/** A client of one endpoint that answers nothing by itself. `onChannel` gets each connection as it is made. */
export function fakeClient(
  onChannel: (channel: FakeChannel) => void,
  options: Partial<ClientOptions> = {},
): { client: Client; clock: ManualClock } {
  const clock = new ManualClock();
  const edges = {
    clock,
    random: seededRandom(7),
    connect: (endpoint: { readonly text: string }) => {
      const channel = new FakeChannel(endpoint.text, () => undefined);
      onChannel(channel);
      return channel;
    },
  };
  return { client: new Client({ endpoints: ['a'], ...options }, edges), clock };
}
