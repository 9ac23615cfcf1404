/** A client's connection to the member on a port of this machine. */
import { createChannel } from '../../src/grpc/channel.js';
import type { Channel } from '../../src/grpc/types.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osNetwork } from '../../src/lib/os/net.js';

export function connect(port: number): Channel {
  return createChannel({
    target: `127.0.0.1:${port}`,
    clock: osClock,
    maxReceiveBytes: 2 ** 31 - 1,
    dial: (signal) => osNetwork.dial({ t: 'tcp', host: '127.0.0.1', port }, { signal }),
  });
}
