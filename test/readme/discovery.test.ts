/** The commands of README's section "Members that find each other", each way. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startDnsServer } from '../support/dns-server.js';
import { buildPrograms } from '../support/member-process.js';
import { askingDnsAt, mayMount } from '../support/mount.js';
import { blocksOf, memberOf, Terminals } from '../support/readme.js';

beforeAll(buildPrograms, 180_000);

const PORTS = ['2379', '2380', '22379', '22380', '32379', '32380', '42379', '42380'];
/** Not that of other tests, which may run at the same time. */
const DNS_ADDRESS = '127.9.9.54';
const READY = 'ready to serve client requests';

function startAll(terminals: Terminals, blocks: readonly string[], token = 'TOKEN'): void {
  for (const block of blocks) {
    const name = memberOf(block);
    if (name !== undefined) terminals.start(name, block.replaceAll('TOKEN', token));
  }
}

const untilReady = (terminals: Terminals, name: string): Promise<void> =>
  expect.poll(() => terminals.members.get(name)?.output, { timeout: 60_000 }).toContain(READY);

describe('members that find each other', () => {
  it('by a token in v3 keys, or by a discovery URL', async () => {
    await using terminals = await Terminals.open(PORTS);
    const [service = '', token = ''] = blocksOf('Members that find each other');
    startAll(terminals, [service]);
    await untilReady(terminals, 'service');
    const [make = '', status = ''] = token.split('\n');
    for (const way of ['By a token in v3 keys', 'By a discovery URL']) {
      const made = /^token (\w+)/.exec(await terminals.run(make))?.[1] ?? '';
      const blocks = blocksOf(way);
      startAll(terminals, blocks.slice(0, 2), made);
      await untilReady(terminals, 'm1');
      await untilReady(terminals, 'm2');
      if (way === 'By a discovery URL') {
        startAll(terminals, blocks.slice(2), made);
        const place = 'http://127.0.0.1:42379/v2/config/local/proxy';
        const answer = (): Promise<string> => terminals.run(`curl -s ${place} || true`);
        await expect.poll(answer, { timeout: 60_000, interval: 200 }).toContain('"endpoints"');
      } else {
        expect(await terminals.run(status.replaceAll('TOKEN', made))).toContain('2 of 2 members registered');
      }
      expect(await terminals.run('etcdctl --endpoints 127.0.0.1:22379 member list')).toMatch(/m1.*m2|m2.*m1/s);
      for (const name of ['m1', 'm2']) await terminals.lose(name);
    }
  }, 180_000);

  it.runIf(mayMount())(
    'by DNS',
    async () => {
      await using terminals = await Terminals.open(PORTS);
      terminals.wrapper = askingDnsAt(DNS_ADDRESS, join(terminals.folder, 'resolv.conf'));
      const records = (...ports: readonly string[]) =>
        ports.map((port, at) => ({ port: terminals.port(port), target: `m${at + 1}.example.com` }));
      await using _dns = await startDnsServer(
        {
          srv: {
            '_etcd-server._tcp.example.com': records('22380', '32380'),
            '_etcd-client._tcp.example.com': records('22379', '32379'),
          },
          a: { 'm1.example.com': '127.0.0.1', 'm2.example.com': '127.0.0.1' },
        },
        DNS_ADDRESS,
      );
      const blocks = blocksOf('By DNS');
      startAll(terminals, blocks);
      await untilReady(terminals, 'm1');
      await untilReady(terminals, 'm2');
      expect(await terminals.run(blocks.at(-1) ?? '')).toMatch(/m1.*m2|m2.*m1/s);
    },
    120_000,
  );
});
