/**
 * The machine's network: TCP and unix sockets, in clear or with TLS. Errors are put into Go's words, since what etcd
 * and etcdctl print ends with them. Nagle's delay is off on every socket: a request or answer is one write.
 */
import type { Network } from '../network.js';
import { dial } from './dial.js';
import { listen } from './listen.js';

export const osNetwork: Network = { listen, dial };
