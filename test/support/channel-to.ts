import { createChannel } from '../../src/grpc/channel.js';
import type { Channel } from '../../src/grpc/types.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osNetwork } from '../../src/lib/os/net.js';

/** A connection to `address`, as `127.0.0.1:2379`. */
export function channelTo(address: string): Channel {
  const [host = '', port = ''] = address.split(':');
  return createChannel({
    target: address,
    dial: (signal) => osNetwork.dial({ t: 'tcp', host, port: Number(port) }, { tls: undefined, signal }),
    clock: osClock,
  });
}
