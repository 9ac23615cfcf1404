/** Flags of the commands about discovery tokens: where the service is, and how to get in. */
import { type FlagValues, flag } from '../cli/flags.js';
import type { ServiceOptions } from './discovery-service.js';

export const discoveryFlags = {
  endpoints: flag.strings(['127.0.0.1:2379'], 'client addresses of the cluster that serves discovery, a comma list'),
  user: flag.string('', 'user there, name:password'),
  cert: flag.string('', 'certificate to show there'),
  key: flag.string('', 'its private key'),
  cacert: flag.string('', 'authorities that vouch for the cluster'),
};

export const serviceIn = (flags: FlagValues<typeof discoveryFlags>): ServiceOptions => ({
  endpoints: flags.endpoints,
  user: flags.user,
  tls: { certFile: flags.cert, keyFile: flags.key, trustedCaFile: flags.cacert },
});
