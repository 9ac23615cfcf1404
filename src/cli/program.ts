/**
 * The programs that are built of commands in folders, and what differs between them: groups, global flags, where usage goes.
 */

import { ctlGlobalFlags } from '../ctl/global-flags.js';
import { ctl2GlobalFlags } from '../ctl/v2/global-flags.js';
import type { FlagTable } from './flags.js';
import { flag } from './flags.js';

export interface Topic {
  readonly summary: string;
  /** Stands for the subcommand in the group's usage line. */
  readonly usage: string;
  /** Flags that all commands of the group have; each declares them itself, here they are for help. */
  readonly flags?: FlagTable;
}

export interface Program {
  readonly name: 'etcd' | 'etcdctl' | 'etcdutl';
  readonly summary: string;
  /** Prefix of the variables that stand for global flags; undefined = none do. */
  readonly envPrefix: string | undefined;
  readonly globals: FlagTable;
  readonly topics: Readonly<Record<string, Topic>>;
  /** Layout of the help, and with it where usage goes after an error. */
  readonly style: { readonly layout: 'etcdctl' | 'cobra' | 'urfave'; readonly usageOnErrorTo: 'stdout' | 'stderr' };
  /** Commands in the order in which help lists them, where that is not the alphabet's. */
  readonly order?: readonly string[];
}

const completionTopic: Topic = { summary: 'Write the script that completes commands in a shell', usage: '' };

export const etcdctl: Program = {
  name: 'etcdctl',
  summary: 'Talks to etcd from the command line.',
  envPrefix: 'ETCDCTL',
  globals: ctlGlobalFlags,
  style: { layout: 'etcdctl', usageOnErrorTo: 'stdout' },
  topics: {
    alarm: { summary: 'Alarms of the cluster', usage: '<subcommand>' },
    auth: { summary: 'Authentication on and off', usage: '<enable or disable>' },
    check: { summary: 'Load tests that say whether a cluster does well', usage: '<subcommand>' },
    completion: completionTopic,
    downgrade: { summary: 'Moving the cluster to the version before', usage: '<TARGET_VERSION>' },
    endpoint: {
      summary: 'State of the servers behind the endpoints',
      usage: '<subcommand>',
      flags: { cluster: flag.bool('ask all members that the cluster knows of') },
    },
    lease: { summary: 'Leases, the lifetimes that keys hang on', usage: '<subcommand>' },
    member: { summary: 'Members of the cluster', usage: '<subcommand>' },
    role: { summary: 'Roles and what they may', usage: '<subcommand>' },
    snapshot: { summary: 'Copies of the whole store', usage: '<subcommand>' },
    user: { summary: 'Users, their passwords and roles', usage: '<subcommand>' },
    v2: { summary: 'From the v2 API to v3', usage: '<subcommand>' },
  },
};

/** The client of the v2 API (`ETCDCTL_API=2`): read and helped as urfave/cli does it, see `ctl2/run.ts`. */
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

export const etcdutl: Program = {
  name: 'etcdutl',
  summary: 'Works on the files of etcd, without a server.',
  envPrefix: undefined,
  globals: {
    'emulate-version': ctlGlobalFlags['emulate-version'],
    'write-out': ctlGlobalFlags['write-out'],
  },
  style: { layout: 'cobra', usageOnErrorTo: 'stderr' },
  topics: {
    check: { summary: 'Checks of a data directory', usage: '' },
    completion: completionTopic,
    snapshot: { summary: 'Restores snapshots and looks into them', usage: '' },
  },
};

/** Its `start` reads the words itself, from the option table in `src/config`. */
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

/** Every command's own help flag. */
export const helpFlag = (of: string): FlagTable => ({ help: flag.bool(`help for ${of}`, { char: 'h' }) });
