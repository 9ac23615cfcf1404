/**
 * The programs that are built of commands in folders, and what differs between them: groups, global flags, where usage goes.
 */
import type { FlagTable } from './flags.js';
import { flag } from './flags.js';
import { ctlGlobalFlags } from './global-flags.js';

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
  readonly style: { readonly layout: 'etcdctl' | 'cobra'; readonly usageOnErrorTo: 'stdout' | 'stderr' };
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
  },
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
    gateway: { summary: 'TCP proxy in front of a cluster', usage: '' },
    'grpc-proxy': { summary: 'gRPC proxy in front of a cluster', usage: '' },
  },
};

/** Every command's own help flag. */
export const helpFlag = (of: string): FlagTable => ({ help: flag.bool(`help for ${of}`, { char: 'h' }) });
