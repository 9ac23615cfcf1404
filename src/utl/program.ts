/** etcdutl: its groups, and the two flags that it shares with etcdctl. */
import { completionTopic, type Program } from '../cli/program.js';
import { ctlGlobalFlags } from '../ctl/global-flags.js';

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
