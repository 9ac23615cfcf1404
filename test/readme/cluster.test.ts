/** The commands of README's section "A cluster in three terminals". */
import { beforeAll, expect, it } from 'vitest';
import { buildPrograms } from '../support/member-process.js';
import { blocksOf, memberOf, Terminals } from '../support/readme.js';

beforeAll(buildPrograms, 180_000);

it('a cluster in three terminals, and the replacement of a lost member', async () => {
  await using terminals = await Terminals.open([
    ...['2379', '2380', '22379', '22380', '32379', '32380', '42379', '42380'],
  ]);
  const { members } = terminals;
  const output: string[] = [];
  for (const block of blocksOf('A cluster in three terminals')) {
    const name = memberOf(block);
    if (name !== undefined) {
      // A terminal in which a member runs is free again when that one is stopped.
      if (name === 'm4') await members.get('m3')?.kill();
      terminals.start(name, block);
      continue;
    }
    for (const member of [...members.values()].filter((each) => !each.hasEnded)) {
      await expect.poll(() => member.output, { timeout: 60_000 }).toContain('ready to serve client requests');
    }
    if (block.includes('member remove')) {
      await terminals.lose('m3');
      // Adding members needs peers that have been reached for five seconds.
      await new Promise((resolve) => setTimeout(resolve, 6000));
    }
    output.push(await terminals.run(block));
  }
  const [written = '', replaced = '', read = ''] = output;
  expect(written).toMatch(/m1.*m2|m2.*m1/s);
  expect(written).toContain('OK\nhello\nworld\n');
  expect(replaced).toMatch(/^Member +[0-9a-f]+ removed from cluster +[0-9a-f]+\nMember +[0-9a-f]+ added to cluster/);
  expect(replaced).toContain('ETCD_INITIAL_CLUSTER_STATE="existing"');
  expect(read).toContain('hello\nworld\n');
}, 180_000);
