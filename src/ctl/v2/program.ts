/** The client of the v2 API (`ETCDCTL_API=2`): read and helped as urfave/cli does it, see `run.ts`. */
import type { Program } from '../../cli/program.js';
import { ctl2GlobalFlags } from './global-flags.js';

export const etcdctl2: Program = {
  name: 'etcdctl',
  summary: 'Talks to the v2 API of etcd from the command line.',
  envPrefix: undefined,
  globals: ctl2GlobalFlags,
  style: { layout: 'urfave', usageOnErrorTo: 'stdout' },
  topics: {
    auth: { summary: 'Authentication on and off', usage: '' },
    member: { summary: 'Members of the cluster: list, add, change, remove', usage: '' },
    role: { summary: 'Roles and what they may', usage: '' },
    user: { summary: 'Users, their passwords and roles', usage: '' },
  },
  order: [
    ...['backup', 'cluster-health', 'mk', 'mkdir', 'rm', 'rmdir', 'get', 'ls', 'set', 'setdir', 'update', 'updatedir'],
    ...['watch', 'exec-watch', 'member', 'user', 'role', 'auth'],
    ...['member list', 'member add', 'member remove', 'member update'],
    ...['user add', 'user get', 'user list', 'user remove', 'user grant', 'user revoke', 'user passwd'],
    ...['role add', 'role get', 'role list', 'role remove', 'role grant', 'role revoke'],
    ...['auth enable', 'auth disable'],
  ],
};
