/**
 * Discovery by every pairing of service and members that real etcds know: v2 tokens on our member for real ones, on
 * real ones for ours, mixtures; v3 tokens, which no real member before 3.6 can use, on each as the service. And a
 * fourth of each kind, which becomes a proxy.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareCluster } from '../support/cluster.js';
import { buildPrograms, type MemberProcess, ourProgram, realEtcd, realEtcd34 } from '../support/member-process.js';
import { Newcomers, v2Token } from '../support/newcomers.js';

beforeAll(buildPrograms, 180_000);

type Kind = 'ours' | '3.4' | '3.5';

const programs: Readonly<Record<Kind, string>> = {
  ours: ourProgram('etcd'),
  '3.4': join(realEtcd34 ?? '', 'etcd'),
  '3.5': join(realEtcd ?? '', 'etcd'),
};
const isThere = (kind: Kind): boolean => kind === 'ours' || (kind === '3.4' ? realEtcd34 : realEtcd) !== undefined;

const pairs: readonly (readonly [service: Kind, members: readonly Kind[]])[] = [
  ['ours', ['3.4', '3.4', '3.4']],
  ['ours', ['3.5', '3.5', '3.5']],
  ['ours', ['ours', '3.4', '3.5']],
  ['3.4', ['ours', 'ours', 'ours']],
  ['3.5', ['ours', '3.5', 'ours']],
];

/** Ours among real ones of 3.4 must be told of it, as at any other start. */
const flagsFor = (kind: Kind, members: readonly Kind[]): string[] =>
  kind === 'ours' && members.includes('3.4') ? ['--emulate-version', '3.4'] : [];

/** A proxy in front of the cluster: what is put through it is read from the members. */
async function serves(proxy: MemberProcess, endpoint: string, members: readonly string[]): Promise<void> {
  await proxy.untilSays('v2 proxy started listening on client requests');
  expect(proxy.output).toContain('discovery cluster is full, falling back to proxy');
  const put = (): Promise<number> =>
    fetch(`http://${endpoint}/v2/keys/through`, { method: 'PUT', body: new URLSearchParams({ value: endpoint }) }).then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(put).toBeGreaterThan(199);
  for (const member of members) {
    const read = await fetch(`http://${member}/v2/keys/through?quorum=true`);
    expect(await read.text()).toContain(`"value":"${endpoint}"`);
  }
}

describe('a v2 token', () => {
  for (const [service, members] of pairs) {
    it.runIf([service, ...members].every(isThere))(
      `on ${service} brings ${members.join(', ')} together, and makes proxies of those who come late`,
      async () => {
        await using cluster = await prepareCluster({ members: 1 });
        const home = cluster.only;
        await using _service = await home.run(programs[service], ['--enable-v2']);
        const url = await v2Token(home.endpoint, members.length);
        await using newcomers = new Newcomers();
        for (const kind of members) {
          const flags = ['--discovery', url, '--enable-v2', ...flagsFor(kind, members)];
          await newcomers.start({ program: programs[kind] }, flags);
        }
        await newcomers.agree();
        const endpoints = [...newcomers.endpoints];
        for (const kind of new Set<Kind>([members[0] ?? 'ours', 'ours'])) {
          const late = await newcomers.start({ program: programs[kind] }, ['--discovery', url]);
          await serves(late, newcomers.endpoints.at(-1) ?? '', endpoints);
        }
      },
      120_000,
    );
  }
});

describe('a v3 token', () => {
  for (const service of ['3.4', '3.5'] as const) {
    it.runIf(isThere(service))(
      `on a real ${service} brings ours together`,
      async () => {
        await using cluster = await prepareCluster({ members: 1 });
        const home = cluster.only;
        await using _service = await home.run(programs[service]);
        await using client = home.client();
        await client.kv.put('/_etcd/registry/tok/_config/size', '3');
        const flags = ['--discovery-token', 'tok', '--discovery-endpoints', home.endpoint];
        await using newcomers = new Newcomers();
        for (let count = 0; count < 3; count++) await newcomers.start({ program: programs.ours }, flags);
        await newcomers.agree();
      },
      120_000,
    );
  }
});

describe('a service that dies while a member waits', () => {
  const ways: readonly (readonly [way: string, kind: Kind])[] = [
    ['v2', 'ours'],
    ['v2', '3.5'],
    ['v3', 'ours'],
  ];
  for (const [way, kind] of ways) {
    it.runIf(isThere(kind))(
      `is waited for, and found again when it is back (${way}, ${kind})`,
      async () => {
        await using cluster = await prepareCluster({ members: 1 });
        const home = cluster.only;
        const service = await home.run(programs.ours, ['--enable-v2']);
        const url = await v2Token(home.endpoint, 2);
        await using client = home.client();
        await client.kv.put('/_etcd/registry/tok/_config/size', '2');
        const flags =
          way === 'v2' ? ['--discovery', url] : ['--discovery-token', 'tok', '--discovery-endpoints', home.endpoint];
        await using newcomers = new Newcomers();
        const first = await newcomers.start({ program: programs[kind] }, flags);
        await first.untilSays('waiting for');
        await service.kill();
        if (way === 'v2') {
          await first.untilSays('retry connecting to discovery service');
          // As it was killed, with something unread or not.
          const why = 'misconfigured; error #0: (unexpected EOF|read tcp: read: connection reset by peer)';
          expect(first.output).toMatch(new RegExp(`"error while waiting for peers".*"error":"[^"]*${why}`));
        }
        await using _again = await home.run(programs.ours, ['--enable-v2']);
        await newcomers.start({ program: programs[kind] }, flags);
        await newcomers.agree();
      },
      120_000,
    );
  }
});
