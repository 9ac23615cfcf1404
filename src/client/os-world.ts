/** The machine's clock, entropy and network for a client: what `new Client(options)` uses. */

import { createChannel } from '../grpc/channel.js';
import type { NetworkAddress } from '../lib/network.js';
import { osClock } from '../lib/os/clock.js';
import { osNetwork } from '../lib/os/net.js';
import { osRandom } from '../lib/os/random.js';
import { type Endpoint, hostOf } from './endpoint.js';
import type { ClientWorld } from './options.js';

export const osWorld: ClientWorld = {
  clock: osClock,
  random: osRandom,
  connect: (endpoint, options) =>
    createChannel({
      target: endpoint.authority,
      authority: endpoint.authority,
      scheme: options.tls === undefined ? 'http' : 'https',
      dial: async (signal) => {
        const serverName = options.tls?.serverName ?? endpoint.serverName;
        const tls = options.tls && { ...options.tls, serverName, alpn: ['h2'] };
        const address = addressOf(endpoint);
        const { socket, remoteAddress, localAddress } = await osNetwork.dial(address, { tls, signal });
        const to = address.t === 'unix' ? address.path : remoteAddress;
        return { socket, peer: { remoteAddress: to, localAddress, isSecure: tls !== undefined } };
      },
      clock: osClock,
      keepalive: options.keepAlive,
      maxSendBytes: options.maxSendBytes,
      maxReceiveBytes: options.maxReceiveBytes,
      userAgent: 'etcd-ts',
    }),
};

function addressOf({ address }: Endpoint): NetworkAddress {
  if (address.t === 'unix') return address;
  const { hostPort } = address;
  const port = Number(/:(\d+)$/.exec(hostPort)?.[1]);
  if (!Number.isInteger(port)) throw new Error(`dial tcp: address ${hostPort}: missing port in address`);
  return { t: 'tcp', host: hostOf(hostPort), port };
}
