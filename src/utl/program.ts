/** etcdutl: its groups, and the flags of all its commands. */
import { flag } from '../cli/flags.js';
import { completionTopic, type Program } from '../cli/program.js';
import { ctlGlobalFlags } from '../ctl/global-flags.js';

export const etcdutl: Program = {
  name: 'etcdutl',
  summary: 'Works on the files of etcd, without a server.',
  envPrefix: undefined,
  globals: {
    'emulate-version': ctlGlobalFlags['emulate-version'],
    timeout: flag.duration(10_000, 'longest time to wait for another process to close the database (0 = for ever)'),
    'write-out': ctlGlobalFlags['write-out'],
  },
  style: { layout: 'cobra', usageOnErrorTo: 'stderr' },
  order: ['backup', 'defrag', 'snapshot', 'hashkv', 'version', 'completion', 'migrate', 'check'],
  topics: {
    check: { summary: 'Checks of a data directory', usage: '' },
    completion: completionTopic,
    snapshot: { summary: 'Restores snapshots and looks into them', usage: '' },
  },
};
