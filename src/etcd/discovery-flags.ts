/** Flags of the commands about discovery tokens: where the service is, and how to get in. */
import { flag } from '../cli/flags.js';

export const discoveryFlags = {
  endpoints: flag.strings(['127.0.0.1:2379'], 'client addresses of the cluster that serves discovery, a comma list'),
  user: flag.string('', 'user there, name:password'),
  cert: flag.string('', 'certificate to show there'),
  key: flag.string('', 'its private key'),
  cacert: flag.string('', 'authorities that vouch for the cluster'),
};
