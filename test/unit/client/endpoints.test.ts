/** Endpoints that change while the client is in use. */
import { describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { Cluster, KV } from '../../../src/proto/gen/etcdserverpb.js';
import { FakeChannel, type SeenCall } from '../../support/fake-channel.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { seededRandom } from '../../support/seeded-random.js';

const members = [
  { ID: 1n, name: 'a', peerURLs: [], clientURLs: ['http://a:1'], isLearner: false },
  { ID: 2n, name: 'b', peerURLs: [], clientURLs: ['http://b:1', 'http://b:2'], isLearner: false },
  { ID: 3n, name: 'learns', peerURLs: [], clientURLs: ['http://c:1'], isLearner: true },
  { ID: 4n, name: '', peerURLs: [], clientURLs: [], isLearner: false },
];

function setUp(endpoints: readonly string[], more: { readonly autoSyncIntervalMs?: number } = {}) {
  const channels: FakeChannel[] = [];
  const clock = new ManualClock();
  const answers = new Map<string, unknown>([
    [Cluster.memberList.path, { header: undefined, members }],
    [KV.put.path, { header: undefined }],
  ]);
  const edges = {
    clock,
    random: seededRandom(1),
    connect: ({ text }: { readonly text: string }) => {
      const channel = new FakeChannel(text, ({ path }: SeenCall) => answers.get(path));
      channels.push(channel);
      return channel;
    },
  };
  const client = new Client({ endpoints, ...more }, edges);
  const puts = (): string[] =>
    channels.filter(({ calls }) => calls.some(({ path }) => path === KV.put.path)).map(({ target }) => target);
  return { client, channels, clock, puts, answers };
}

describe('a client that is given other endpoints', () => {
  it('asks those, keeps what it has of them, and closes what is dropped and not connected', async () => {
    const { client, channels, puts } = setUp(['a', 'b']);
    const [a, b] = channels;
    if (a === undefined || b === undefined) throw new Error('no channels');
    a.isReachable = false;
    await client.kv.put('k', 'v');
    expect(puts()).toEqual(['b']);
    client.setEndpoints(['b', 'c']);
    expect(client.endpoints).toEqual(['b', 'c']);
    expect(channels.map(({ target }) => target)).toEqual(['a', 'b', 'c']);
    expect(a.state).toBe('shutdown');
    for (let i = 0; i < 3; i++) {
      await client.kv.put('k', 'v');
      await settle();
    }
    expect(puts()).toEqual(['b', 'c']);
    await client.close();
    expect(channels.map(({ state }) => state)).toEqual(['shutdown', 'shutdown', 'shutdown']);
  });

  it('lets what runs on a dropped endpoint run on, until it is closed', async () => {
    const { client, channels } = setUp(['a']);
    await client.kv.put('k', 'v');
    client.setEndpoints(['b']);
    expect(channels[0]?.state).toBe('ready');
    await client.kv.put('k', 'v');
    expect(channels[0]?.calls).toHaveLength(1);
    await client.close();
    expect(channels[0]?.state).toBe('shutdown');
  });

  it('keeps no more than some dropped connections', async () => {
    const { client, channels } = setUp(['e0']);
    for (let i = 1; i < 40; i++) {
      await client.kv.put('k', 'v');
      client.setEndpoints([`e${i}`]);
    }
    expect(channels.filter(({ state }) => state === 'ready').length).toBeLessThanOrEqual(17);
    await client.close();
  });

  it('gives a call that waits for a connection one of the new', async () => {
    const { client, channels, puts } = setUp(['a']);
    const [a] = channels;
    if (a !== undefined) a.isReachable = false;
    const put = client.kv.put('k', 'v');
    await settle();
    client.setEndpoints(['b']);
    await put;
    expect(puts()).toEqual(['b']);
    await client.close();
  });

  it('refuses to have none', async () => {
    const { client } = setUp(['a']);
    expect(() => client.setEndpoints([])).toThrow('etcdclient: no available endpoints');
    expect(client.endpoints).toEqual(['a']);
    await client.close();
  });
});

describe('a client that asks the cluster', () => {
  it('takes the URLs of members that have started and vote', async () => {
    const { client } = setUp(['a']);
    await client.sync();
    expect(client.endpoints).toEqual(['http://a:1', 'http://b:1', 'http://b:2']);
    await client.close();
  });

  it('does so again and again where it is told to, whatever goes wrong between', async () => {
    const { client, clock, answers } = setUp(['a'], { autoSyncIntervalMs: 1000 });
    answers.set(Cluster.memberList.path, { header: undefined, members: [] });
    await clock.advance(1000);
    await settle();
    expect(client.endpoints).toEqual(['a']);
    answers.set(Cluster.memberList.path, { header: undefined, members });
    await clock.advance(1000);
    await settle();
    expect(client.endpoints).toEqual(['http://a:1', 'http://b:1', 'http://b:2']);
    answers.set(Cluster.memberList.path, { header: undefined, members: members.slice(0, 1) });
    await client.close();
    await clock.advance(5000);
    await settle();
    expect(client.endpoints).toHaveLength(3);
  });
});
