/** etcd's groups. Its `start` reads the words itself, from the option table in `src/config`. */
import type { Program } from '../cli/program.js';

export const etcd: Program = {
  name: 'etcd',
  summary: 'Runs a member of a cluster.',
  envPrefix: undefined,
  globals: {},
  style: { layout: 'cobra', usageOnErrorTo: 'stderr' },
  topics: {
    cluster: { summary: 'A cluster on this machine, for trying things out', usage: '' },
    discovery: { summary: 'Tokens under which the members of new clusters find each other', usage: '' },
    gateway: { summary: 'TCP proxy in front of a cluster', usage: '' },
    'grpc-proxy': { summary: 'gRPC proxy in front of a cluster', usage: '' },
  },
};
