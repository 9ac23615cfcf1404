/** Options of a member about itself beside those about its cluster. */
import { describe, expect, it } from 'vitest';
import { type InitialCluster, verifyInitialCluster, verifyJoining } from '../../../src/datadir/initial-cluster.js';
import type { UrlResolver } from '../../../src/lib/go/same-urls.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { ManualClock } from '../../support/manual-clock.js';

const ADDRESSES: Readonly<Record<string, string>> = { a: '10.0.0.1', alias: '10.0.0.1', b: '10.0.0.2' };

const resolver = (): UrlResolver => ({
  clock: new ManualClock(),
  logger: silentLogger,
  lookUpHost: async (host) => [ADDRESSES[host] ?? host],
});
const cluster = (
  peerURLs: readonly string[],
  members: Readonly<Record<string, readonly string[]>>,
): InitialCluster => ({
  name: 'm',
  peerURLs,
  members: new Map(Object.entries(members)),
  token: 't',
});
const refusal = (of: InitialCluster): Promise<string> =>
  verifyInitialCluster(of, resolver()).then(
    () => 'ok',
    (error: Error) => `${error.name}: ${error.message}`,
  );

describe('the options of a cluster that begins', () => {
  it.each<[string, InitialCluster]>([
    ['in any order', cluster(['http://b:1', 'http://a:1'], { m: ['http://a:1', 'http://b:1'], n: ['http://c:1'] })],
    ['by another name of the host', cluster(['http://alias:1'], { m: ['http://a:1'] })],
  ])('agree where they name the same addresses, %s', async (_how, given) => {
    expect(await refusal(given)).toBe('ok');
  });

  it.each<[string, InitialCluster, string]>([
    [
      'does not name this member',
      cluster(['http://a:1'], { n: ['http://a:1'] }),
      'couldn\'t find local name "m" in the initial cluster configuration',
    ],
    [
      'names an address too many',
      cluster(['http://a:1'], { m: ['http://b:1', 'http://a:1'] }),
      '--initial-cluster has m=http://b:1 but missing from --initial-advertise-peer-urls=http://a:1 ' +
        '(len(["http://a:1"]) != len(["http://a:1" "http://b:1"]))',
    ],
    [
      'names an address too few',
      cluster(['http://b:1', 'http://a:1'], { m: ['http://a:1'] }),
      '--initial-advertise-peer-urls has http://b:1 but missing from --initial-cluster=m=http://a:1,m=http://b:1',
    ],
    [
      'names one twice',
      cluster(['http://a:1', 'http://a:1'], { m: ['http://a:1'] }),
      'failed to resolve http://a:1,http://a:1 to match --initial-cluster=m=http://a:1,m=http://a:1 ' +
        '(len(["http://a:1" "http://a:1"]) != len(["http://a:1"]))',
    ],
    [
      'gives two members one address',
      cluster(['http://a:1'], { m: ['http://a:1'], n: ['http://a:1'] }),
      'initial cluster m=http://a:1,n=http://a:1 has duplicate url',
    ],
  ])('are refused where the cluster %s', async (_how, given, message) => {
    expect(await refusal(given)).toBe(`DataDirError: ${message}`);
  });
});

describe('the options of a member that joins', () => {
  it('are refused for its name and for addresses named twice, not for what it advertises', () => {
    verifyJoining(cluster(['http://x:1'], { m: ['http://a:1'], n: ['http://b:1'] }));
    expect(() => verifyJoining(cluster([], { n: ['http://a:1'] }))).toThrow('couldn\'t find local name "m"');
    expect(() => verifyJoining(cluster([], { m: ['http://a:1', 'http://a:1'] }))).toThrow('has duplicate url');
  });
});
