/**
 * Who a member is, by its flags and by what others answer; refusals in etcd's words (seen with 3.4.23 and 3.5.30, which
 * agree).
 */
import { describe, expect, test } from 'vitest';
import { parseInitialCluster } from '../../../../src/config/listen-url.js';
import { type ClusterMember, memberToJson } from '../../../../src/datadir/cluster-member.js';
import { bootstrapMemberId, clusterId } from '../../../../src/datadir/ids.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import { decide } from '../../../../src/member/bootstrap/decide.js';
import type { DecisionWorld } from '../../../../src/member/bootstrap/types.js';
import type { MemberConfig } from '../../../../src/member/world/types.js';
import { memberConfig } from '../../../support/in-process-member.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryDisk } from '../../../support/memory-disk.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const own = 'http://127.0.0.1:2380';
const second = 'http://127.0.0.1:2480';
const third = 'http://127.0.0.1:2580';

/** What a member's peer port answers. */
interface Peer {
  readonly members?: string;
  readonly clusterId?: bigint;
  readonly cluster?: string;
  readonly downgrade?: boolean;
}

class World implements DecisionWorld {
  readonly disk = new MemoryDisk();
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly asked: string[] = [];
  readonly hosts = new Map<string, readonly string[]>();
  lookUps = 0;

  constructor(private readonly peers: Readonly<Record<string, Peer | 'hangs'>> = {}) {}

  lookUpHost = async (host: string): Promise<readonly string[]> => {
    this.lookUps++;
    const found = this.hosts.get(host) ?? (/^[\d.]+$|:/.test(host) ? [host] : undefined);
    if (found === undefined)
      throw Object.assign(new Error(`lookup ${host} on 10.0.0.53:53: no such host`), { code: 'ENOTFOUND' });
    return found;
  };

  readonly calls: DecisionWorld['calls'] = {
    members: (url, signal) =>
      this.#ask(`${url}/members`, url, signal, ({ members = '[]', clusterId = 0xcc1n }) => ({
        json: members,
        clusterId,
      })),
    version: (url, signal) =>
      this.#ask(`${url}/version`, url, signal, ({ cluster = '3.5.0' }) => ({ server: '3.5.30', cluster })),
    downgradeEnabled: (url, signal) =>
      this.#ask(`${url}/downgrade/enabled`, url, signal, ({ downgrade = false }) => downgrade),
  };

  #ask<T>(what: string, url: string, signal: AbortSignal, answer: (peer: Peer) => T): Promise<T> {
    this.asked.push(what);
    const peer = this.peers[url];
    if (peer === 'hangs')
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    if (peer === undefined) return Promise.reject(new Error('connect: connection refused'));
    return Promise.resolve(answer(peer));
  }
}

const told = (cluster: string, more: Partial<MemberConfig> = {}): MemberConfig =>
  memberConfig('/data', {
    name: 'a',
    initialAdvertisePeerUrls: [own],
    initialCluster: parseInitialCluster(cluster),
    initialClusterToken: 'etcd-cluster',
    ...more,
  });

const member = (id: bigint, peerURLs: readonly string[], more: Partial<ClusterMember> = {}): ClusterMember => ({
  id,
  peerURLs,
  isLearner: false,
  name: '',
  clientURLs: [],
  ...more,
});
const json = (...members: ClusterMember[]): string => `[${members.map(memberToJson).join(',')}]`;

const warningsOf = ({ logger }: World): string[] =>
  logger.records.filter(({ level }) => level === 'warn').map(({ message }) => message);

async function refusal(config: MemberConfig, world = new World()): Promise<string> {
  const outcome = decide(config, world).then(
    (decision) => `decided: ${decision.t}`,
    (cause: Error) => cause.message,
  );
  let text: string | undefined;
  void outcome.then((found) => {
    text = found;
  });
  for (let seconds = 0; text === undefined && seconds < 120; seconds++) await world.clock.advance(1000);
  return outcome;
}

describe('a cluster that begins', () => {
  test.each<[string, string, Partial<MemberConfig>, string]>([
    [
      'other URLs than it advertises',
      'a=http://127.0.0.1:1',
      {},
      `--initial-cluster has a=http://127.0.0.1:1 but missing from --initial-advertise-peer-urls=${own} ` +
        `(resolved urls: "${own}" != "http://127.0.0.1:1")`,
    ],
    ['others alone', `b=${own}`, {}, 'couldn\'t find local name "a" in the initial cluster configuration'],
    [
      'a member without a name alone',
      `=${own}`,
      {},
      'couldn\'t find local name "a" in the initial cluster configuration',
    ],
    ['a URL of two members', `a=${own},b=${own}`, {}, `initial cluster a=${own},b=${own} has duplicate url`],
    [
      'a URL twice',
      `a=${own},a=${own}`,
      {},
      `failed to resolve ${own} to match --initial-cluster=a=${own} (len(["${own}"]) != len(["${own}" "${own}"]))`,
    ],
    [
      'more URLs of itself than it advertises',
      `a=${own},a=${second}`,
      {},
      `--initial-cluster has a=${second} but missing from --initial-advertise-peer-urls=${own} (len(["${own}"]) ` +
        `!= len(["${own}" "${second}"]))`,
    ],
    [
      'fewer URLs of itself than it advertises',
      `a=${own},b=${third}`,
      { initialAdvertisePeerUrls: [own, second] },
      `--initial-advertise-peer-urls has ${second} but missing from --initial-cluster=a=${own},a=${second}`,
    ],
    [
      'itself as localhost, which is not resolved',
      'a=http://localhost:2380',
      {},
      `--initial-cluster has a=http://localhost:2380 but missing from --initial-advertise-peer-urls=${own} ` +
        `(resolved urls: "${own}" != "http://localhost:2380")`,
    ],
    [
      'itself by a name that does not resolve',
      'a=http://nowhere:2380',
      {},
      `--initial-cluster has a=http://nowhere:2380 but missing from --initial-advertise-peer-urls=${own} (failed ` +
        `to resolve "http://nowhere:2380" (lookup nowhere on 10.0.0.53:53: no such host))`,
    ],
  ])('is refused with %s', async (_what, cluster, more, message) => {
    expect(await refusal(told(cluster, more))).toBe(message);
  });

  test('waits for a name to resolve', async () => {
    const world = new World();
    const late = told('a=http://late:2380');
    world.clock.after(12_000, () => world.hosts.set('late', ['127.0.0.1']));
    expect(await refusal(late, world)).toBe('decided: new');
    const failures = world.logger.records.filter(({ message }) => message === 'failed to resolve URL Host');
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.length).toBeLessThan(14);
  });

  test('gives up on a name after half a minute of one try a second', async () => {
    const world = new World();
    await refusal(told('a=http://nowhere:2380'), world);
    expect(world.lookUps).toBeGreaterThanOrEqual(30);
    expect(world.lookUps).toBeLessThan(40);
    expect(world.logger.records.at(-1)?.message).toBe('failed to resolve URL Host; returning');
  });

  test('takes names and addresses for the same, IPv6 too', async () => {
    const world = new World();
    world.hosts.set('a.example', ['127.0.0.1']).set('six.example', ['fd00::1']);
    expect(await refusal(told('a=http://a.example:2380'), world)).toBe('decided: new');
    const six = told('a=http://six.example:2380', { initialAdvertisePeerUrls: ['http://[fd00::1]:2380'] });
    expect(await refusal(six, world)).toBe('decided: new');
  });

  test.each([
    ['an IPv6 address written out', 'http://[::1]:2380', 'http://[0:0:0:0:0:0:0:1]:2380'],
    ['an IPv6 address in capitals', 'http://[fd00::a]:2380', 'http://[FD00:0::A]:2380'],
    ['an IPv4 address within IPv6', 'http://127.0.0.1:2380', 'http://[::ffff:127.0.0.1]:2380'],
    ['a port with a zero in front', 'http://127.0.0.1:02380', 'http://127.0.0.1:2380'],
  ])('takes %s for the same', async (_what, inCluster, advertised) => {
    const world = new World();
    for (const address of ['::1', '0:0:0:0:0:0:0:1', 'fd00::a', 'FD00:0::A', '::ffff:127.0.0.1'])
      world.hosts.set(address, [address]);
    const cluster = told(`a=${inCluster}`, { initialAdvertisePeerUrls: [advertised] });
    expect(await refusal(cluster, world)).toBe('decided: new');
  });

  test.each([
    ['at the end', `a=${own},`],
    ['in front', `,a=${own}`],
    ['between', `a=${own},,b=${third}`],
  ])('is read as if a comma too many %s were not there', async (_what, cluster) => {
    expect(await refusal(told(cluster))).toBe('decided: new');
  });

  test('has the ids that follow from URLs and token, whatever the order of names', async () => {
    const urls = { a: [own, 'http://127.0.0.2:2380'], b: [second], c: [third] };
    const text = `c=${third},a=http://127.0.0.2:2380,b=${second},a=${own}`;
    const config = told(text, { initialAdvertisePeerUrls: urls.a, initialClusterToken: 'tkn' });
    const decision = await decide(config, new World());
    const ids = Object.values(urls).map((list) => bootstrapMemberId(list, 'tkn'));
    expect(decision).toMatchObject({
      t: 'new',
      configuration: { memberId: ids[0], clusterId: clusterId(ids) },
    });
    if (decision.t !== 'new') return;
    expect(decision.configuration.members.map(({ id }) => id)).toEqual([...ids].sort((x, y) => (x < y ? -1 : 1)));
  });

  test('is refused to a member that has started in it before, and to no other', async () => {
    const id = bootstrapMemberId([own], 'etcd-cluster');
    const cluster = `a=${own},b=${second}`;
    const started = member(id, [own], { name: 'a', clientURLs: ['http://127.0.0.1:2379'] });
    const unstarted = member(id, [own]);
    const answering = (...members: ClusterMember[]) => new World({ [second]: { members: json(...members) } });
    expect(await refusal(told(cluster), answering(started))).toBe(
      `member ${id.toString(16)} has already been bootstrapped`,
    );
    expect(await refusal(told(cluster), answering(unstarted))).toBe('decided: new');
    expect(await refusal(told(cluster), answering({ ...started, id: 5n }))).toBe('decided: new');
    expect(await refusal(told(cluster), new World({ [second]: { members: 'garbage' } }))).toBe('decided: new');
    expect(await refusal(told(cluster), new World())).toBe('decided: new');
  });

  test(
    'asks the others a second each, in order of their URLs, and says nothing of those that do ' + 'not answer',
    async () => {
      const world = new World({ [second]: 'hangs', [third]: 'hangs' });
      const began = world.clock.monotonicMs();
      expect(await refusal(told(`a=${own},b=${third},c=${second}`), world)).toBe('decided: new');
      expect(world.asked).toEqual([`${second}/members`, `${third}/members`]);
      expect(world.clock.monotonicMs() - began).toBeLessThanOrEqual(3000);
      expect(world.logger.records).toEqual([]);
    },
  );
});

describe('joining', () => {
  const joining = (cluster: string, more: Partial<MemberConfig> = {}) =>
    told(cluster, { initialClusterState: 'existing', ...more });
  const s = member(0xde9c61060c2bab7fn, [second], { name: 's', clientURLs: ['http://127.0.0.1:2479'] });
  const a = member(0x55b7abcc42094cf4n, [own]);
  const running = (members: string, more: Partial<Peer> = {}) =>
    new World({ [second]: { members, clusterId: 0xa160ab6b856238aan, ...more } });
  const shown = (...members: string[]) =>
    `error validating peerURLs {ClusterID:a160ab6b856238aa Members:[${members.join(' ')}] RemovedMemberIDs:[]}`;
  const shownA =
    `&{ID:55b7abcc42094cf4 RaftAttributes:{PeerURLs:[${own}] IsLearner:false} Attributes:{Name: ` + `ClientURLs:[]}}`;
  const shownS =
    `&{ID:de9c61060c2bab7f RaftAttributes:{PeerURLs:[${second}] IsLearner:false} Attributes:{Name:s ` +
    `ClientURLs:[http://127.0.0.1:2479]}}`;

  test('takes over ids from the members that run, by URLs and not by names', async () => {
    for (const cluster of [`a=${own},s=${second}`, `a=${own},x=${second}`, `a=${own},=${second}`]) {
      const decision = await decide(joining(cluster), running(json(a, s)));
      expect(decision).toMatchObject({ t: 'joining', memberId: a.id, clusterId: 0xa160ab6b856238aan });
    }
    const clash = await decide(joining(`s=${own},a=${second}`), running(json(a, s))).catch((cause: Error) => cause);
    // Told that the running member's URL is its own, it asks only itself.
    expect(String(clash)).toMatch(/could not retrieve cluster information/);
  });

  test('goes by whoever knows of it: another that lags has not heard yet that it was added', async () => {
    const b = member(0x77n, [third], { name: 'b' });
    const world = new World({
      [second]: { members: json(s, b), clusterId: 0xa160ab6b856238aan },
      [third]: { members: json(a, s, b), clusterId: 0xa160ab6b856238aan },
    });
    expect(await decide(joining(`a=${own},s=${second},b=${third}`), world)).toMatchObject({ memberId: a.id });
    expect(world.asked.slice(0, 2)).toEqual([`${second}/members`, `${third}/members`]);
  });

  test('as a learner knows that it is one', async () => {
    const decision = await decide(joining(`a=${own},s=${second}`), running(json({ ...a, isLearner: true }, s)));
    expect(decision.t === 'joining' && decision.members.find(({ id }) => id === a.id)?.isLearner).toBe(true);
  });

  test('does not compare what it advertises', async () => {
    const config = joining(`a=${own},s=${second}`, { initialAdvertisePeerUrls: [third] });
    expect(await refusal(config, running(json(a, s)))).toBe('decided: joining');
  });

  test.each<[string, string, World, string]>([
    [
      'nobody answers',
      `a=${own},s=${second}`,
      new World(),
      'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
    ],
    [
      'there is nobody else',
      `a=${own}`,
      new World(),
      'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
    ],
    [
      'the answer is garbage',
      `a=${own},s=${second}`,
      running('{"id":'),
      'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
    ],
    [
      'the other knows no members yet',
      `a=${own},s=${second}`,
      running('[]'),
      'cannot fetch cluster info from peer urls: failed to get raft cluster member(s) from the given URLs',
    ],
    [
      'it is not in the cluster that it is given',
      `b=${own},s=${second}`,
      running(json(a, s)),
      'couldn\'t find local name "a" in the initial cluster configuration',
    ],
    [
      'a URL comes twice',
      `a=${own},s=${own}`,
      running(json(a, s)),
      `initial cluster a=${own},s=${own} has duplicate url`,
    ],
    ['it was not added', `a=${own},s=${second}`, running(json(s)), `${shown(shownS)}: member count is unequal`],
    [
      'it is given one more',
      `a=${own},b=${third},s=${second}`,
      running(json(a, s)),
      `${shown(shownA, shownS)}: member count is unequal`,
    ],
    [
      'its URL is another',
      `a=http://127.0.0.1:1,s=${second}`,
      running(json(a, s)),
      `${shown(shownA, shownS)}: PeerURLs: no match found for existing member (55b7abcc42094cf4, [${own}]), last ` +
        `resolver error (resolved urls: "${own}" != "http://127.0.0.1:1")`,
    ],
  ])('is refused when %s', async (_what, cluster, world, message) => {
    expect(await refusal(joining(cluster), world)).toBe(message);
  });

  test('goes on to the next URL when one does not answer', async () => {
    const cluster = `a=${own},s=${second},t=${third}`;
    const members = json(a, s, member(7n, [third]));
    const world = new World({ [second]: 'hangs', [third]: { members } });
    expect(await refusal(joining(cluster), world)).toBe('decided: joining');
    const failed = world.logger.records.find(({ message }) => message === 'failed to get cluster response');
    expect(failed?.fields).toEqual({
      address: `${second}/members`,
      error: `Get "${second}/members": context deadline exceeded`,
    });
  });

  test.each<[EmulatedVersion, Partial<Peer> & { isNextTaken?: true }, boolean, string | undefined]>([
    ['3.5', { cluster: '3.5.0' }, true, undefined],
    ['3.5', { cluster: '3.4.0' }, true, undefined],
    ['3.5', { cluster: '3.0.0' }, true, undefined],
    ['3.5', { cluster: '2.3.0' }, false, 'cluster version of remote member is not compatible; too low'],
    ['3.5', { cluster: '3.6.0' }, false, 'cluster version of remote member is not compatible; too high'],
    ['3.5', { cluster: '3.6.0', downgrade: true }, true, undefined],
    [
      '3.5',
      { cluster: '3.7.0', downgrade: true },
      false,
      'cluster version of remote member is not compatible; too high',
    ],
    [
      '3.4',
      { cluster: '3.5.0', downgrade: true },
      false,
      'cluster version of remote member is not compatible; too high',
    ],
    ['3.4', { cluster: '3.5.0', isNextTaken: true }, true, undefined],
    [
      '3.4',
      { cluster: '3.6.0', isNextTaken: true },
      false,
      'cluster version of remote member is not compatible; too high',
    ],
    ['3.5', { cluster: 'not_decided' }, false, 'failed to parse cluster version of remote member'],
  ])('as %s a cluster of %o: %s', async (emulate, peer, isTaken, warning) => {
    const world = running(json(a, s), peer);
    const { isNextTaken: nextClusterVersionCompatible = false } = peer;
    const more = { emulate, nextClusterVersionCompatible };
    const outcome = await refusal(joining(`a=${own},s=${second}`, more), world);
    expect(outcome).toBe(isTaken ? 'decided: joining' : 'incompatible with current running cluster');
    const warnings = warningsOf(world);
    expect(warnings).toEqual(warning === undefined ? [] : expect.arrayContaining([warning]));
  });

  test('gives each member ten seconds to tell its version', async () => {
    const world = running(json(a, s));
    let askedAtMs = 0;
    const calls: DecisionWorld['calls'] = {
      ...world.calls,
      version: (_url, signal) => {
        askedAtMs = world.clock.monotonicMs();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    };
    const deaf = { disk: world.disk, clock: world.clock, logger: world.logger, lookUpHost: world.lookUpHost, calls };
    const decision = decide(joining(`a=${own},s=${second}`), deaf).catch((cause: Error) => cause.message);
    await world.clock.advance(0);
    expect(askedAtMs).toBe(world.clock.monotonicMs());
    await world.clock.advance(9999);
    expect(warningsOf(world)).toEqual([]);
    await world.clock.advance(1);
    expect(warningsOf(world)).toEqual(['failed to reach the peer URL', 'failed to get version']);
    expect(await decision).toBe('incompatible with current running cluster');
  });

  test('passes over another that joins at the same time, and does not know the version yet', async () => {
    const b = member(0x77n, [third]);
    const world = new World({
      [second]: { members: json(a, s, b), clusterId: 0xa160ab6b856238aan },
      [third]: { members: json(a, s, b), clusterId: 0xa160ab6b856238aan, cluster: 'not_decided' },
    });
    expect(await refusal(joining(`a=${own},s=${second},b=${third}`), world)).toBe('decided: joining');
  });

  test('is refused when no member tells its version', async () => {
    const world = running(json(a, s));
    const calls = { ...world.calls, version: () => Promise.reject(new Error('connect: connection refused')) };
    const deaf = { disk: world.disk, clock: world.clock, logger: world.logger, lookUpHost: world.lookUpHost, calls };
    await expect(decide(joining(`a=${own},s=${second}`), deaf)).rejects.toThrow(
      'incompatible with current running cluster',
    );
    expect(world.logger.records.map(({ message }) => message)).toContain('failed to get version');
  });
});

test('a log goes on, whatever the flags say', async () => {
  const world = new World();
  world.disk.makeDir('/data/member/wal');
  world.disk.setContent('/data/member/wal/0000000000000000-0000000000000000.wal', Buffer.alloc(8));
  expect(await refusal(told('nobody=http://nowhere:1', { initialClusterState: 'existing' }), world)).toBe(
    'decided: restarting',
  );
  expect(world.asked).toEqual([]);
});
