/** etcdctl: its groups and global flags. */
import { flag } from '../cli/flags.js';
import { completionTopic, type Program } from '../cli/program.js';
import { ctlGlobalFlags } from './global-flags.js';

export const etcdctl: Program = {
  name: 'etcdctl',
  summary: 'Talks to etcd from the command line.',
  envPrefix: 'ETCDCTL',
  globals: ctlGlobalFlags,
  style: { layout: 'etcdctl', usageOnErrorTo: 'of-version' },
  order: [
    ...['get', 'put', 'del', 'txn', 'compaction', 'alarm', 'defrag', 'endpoint', 'move-leader', 'watch', 'version'],
    ...['lease', 'member', 'snapshot', 'make-mirror', 'migrate', 'lock', 'elect', 'auth', 'user', 'role', 'check'],
    ...['completion', 'downgrade', 'options'],
  ],
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
