import { describe, expect, it } from 'vitest';
import { chooseSet } from '../../../src/cli/choose.js';

const choose = (program: 'etcd' | 'etcdctl' | 'etcdutl', words: string[], env: Record<string, string> = {}) =>
  chooseSet({ program, words, env, memberCommands: ['start'], clientCommands: ['get', 'put', 'lease', 'version'] });

describe('the command set', () => {
  it.each([
    ['etcd', [], 'etcd', ['start']],
    ['etcd', ['--name', 'a'], 'etcd', ['start', '--name', 'a']],
    ['etcd', ['-name', 'a'], 'etcd', ['start', '-name', 'a']],
    ['etcd', ['start', '--name', 'a'], 'etcd', ['start', '--name', 'a']],
    ['etcd', ['--version'], 'etcd', ['start', '--version']],
    ['etcd', ['-h'], 'etcd', ['start', '-h']],
    ['etcd', ['bogus'], 'etcd', ['start', 'bogus']],
    ['etcd', ['put', 'foo', 'bar'], 'ctl', ['put', 'foo', 'bar']],
    ['etcd', ['--name', 'put'], 'etcd', ['start', '--name', 'put']],
    ['etcdctl', ['get', 'a'], 'ctl', ['get', 'a']],
    ['etcdctl', [], 'ctl', []],
    ['etcdutl', ['get'], 'utl', ['get']],
  ] as const)('of %s %j is %s', (program, words, set, expected) => {
    expect(choose(program, [...words])).toEqual({ t: 'run', set, words: expected });
  });

  it('follows ETCDCTL_API, which 3.6 no longer does', () => {
    expect(choose('etcdctl', ['get'], { ETCDCTL_API: '2' })).toMatchObject({ t: 'run', set: 'ctl2' });
    expect(choose('etcdctl', ['get'], { ETCDCTL_API: '3' })).toMatchObject({ t: 'run', set: 'ctl' });
    expect(choose('etcdctl', ['get'], { ETCDCTL_API: '' })).toMatchObject({ t: 'run', set: 'ctl' });
    expect(choose('etcd', ['get'], { ETCDCTL_API: '2' })).toMatchObject({ t: 'run', set: 'ctl2' });
    expect(choose('etcdctl', ['get'], { ETCDCTL_API: '2', ETCDCTL_EMULATE_VERSION: '3.6' })).toMatchObject({
      set: 'ctl',
    });
    expect(choose('etcdctl', ['get'], { ETCDCTL_API: '4' })).toEqual({
      t: 'refuse',
      message: 'unsupported API version: 4\n',
      exitCode: 1,
    });
    expect(choose('etcdctl', ['get'], { ETCDCTL_API: '4', ETCDCTL_EMULATE_VERSION: '3.4' })).toMatchObject({
      message: 'unsupported API version 4\n',
    });
  });
});
