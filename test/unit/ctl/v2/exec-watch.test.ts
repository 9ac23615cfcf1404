/** Arguments and variables of `exec-watch`. */
import { describe, expect, it } from 'vitest';
import type { V2Response } from '../../../../src/client/v2/types.js';
import { execWatchArguments, watchVariables } from '../../../../src/ctl/v2/exec-watch.js';

describe('exec-watch', () => {
  it.each([
    [['/k', '--', 'sh', '-c', 'env'], '/k', ['sh', '-c', 'env']],
    [['/k', '--', 'tail', '--', '-1'], '/k', ['tail', '--', '-1']],
    // Words that stood before the flags end up last.
    [['sh', '-c', 'env', '/k'], '/k', ['sh', '-c', 'env']],
    [['--', 'sh', '/k'], '/k', ['--', 'sh']],
    [['sh', '/k'], '/k', ['sh']],
  ])('of %j watches and runs', (args, key, argv) => {
    expect(execWatchArguments(args)).toEqual({ key, argv });
  });

  it.each([[[]], [['/k']]])('of %j has nothing to run', (args) => {
    expect(execWatchArguments(args)).toBeUndefined();
  });

  it('tells the program what happened to what', () => {
    const node = { key: '/k', value: 'v', modifiedIndex: 7 };
    expect(watchVariables({ action: 'set', node } as unknown as V2Response)).toEqual({
      ETCD_WATCH_ACTION: 'set',
      ETCD_WATCH_MODIFIED_INDEX: '7',
      ETCD_WATCH_KEY: '/k',
      ETCD_WATCH_VALUE: 'v',
    });
    expect(watchVariables({ action: 'delete' } as unknown as V2Response)).toEqual({
      ETCD_WATCH_ACTION: 'delete',
      ETCD_WATCH_MODIFIED_INDEX: '0',
      ETCD_WATCH_KEY: '',
      ETCD_WATCH_VALUE: '',
    });
  });
});
