/** Rows of the answers that can be tables; the simple format prints the same cells joined by commas. */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { MemberListResponse } from '../../proto/gen/etcdserverpb.js';
import type { EndpointHashKV, EndpointHealth, EndpointStatus, SnapshotStatus } from './answers.js';

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function memberTable({ members }: MemberListResponse): Table {
  return {
    head: ['ID', 'Status', 'Name', 'Peer Addrs', 'Client Addrs', 'Is Learner'],
    rows: members.map((member) => [
      member.ID.toString(16),
      member.name === '' ? 'unstarted' : 'started',
      member.name,
      member.peerURLs.join(','),
      member.clientURLs.join(','),
      String(member.isLearner),
    ]),
  };
}

export function healthTable(list: readonly EndpointHealth[]): Table {
  return {
    head: ['endpoint', 'health', 'took', 'error'],
    rows: list.map(({ endpoint, health, took, error }) => [endpoint, String(health), took, error]),
  };
}

export function statusTable(list: readonly EndpointStatus[], emulate: EmulatedVersion): Table {
  const isWide = differenceOf('statusHasStorageVersion', emulate);
  const columns = list.map(({ endpoint, status }): readonly (readonly [head: string, cell: string])[] => {
    const memberId = status.header?.memberId ?? 0n;
    const wide = (head: string, cell: () => string): [string, string][] => (isWide ? [[head, cell()]] : []);
    return [
      ['endpoint', endpoint],
      ['ID', memberId.toString(16)],
      ['version', status.version],
      ...wide('storage version', () => status.storageVersion),
      ['db size', humanSize(status.dbSize)],
      ...wide('in use', () => humanSize(status.dbSizeInUse)),
      ...wide('percentage not in use', () => `${100 - Math.floor((status.dbSizeInUse * 100) / status.dbSize)}%`),
      ...wide('quota', () => humanSize(status.dbSizeQuota)),
      ['is leader', String(status.leader === memberId)],
      ['is learner', String(status.isLearner)],
      ['raft term', String(status.raftTerm)],
      ['raft index', String(status.raftIndex)],
      ['raft applied index', String(status.raftAppliedIndex)],
      ['errors', status.errors.join(', ')],
      ...wide('downgrade target version', () => status.downgradeInfo?.targetVersion ?? ''),
      ...wide('downgrade enabled', () => String(status.downgradeInfo?.enabled ?? false)),
    ];
  });
  const narrowHead = [
    'endpoint',
    'ID',
    'version',
    'db size',
    'is leader',
    'is learner',
    'raft term',
    'raft index',
    'raft applied index',
    'errors',
  ];
  return {
    head: columns[0]?.map(([head]) => head) ?? narrowHead,
    rows: columns.map((cells) => cells.map(([, cell]) => cell)),
  };
}

export function hashKVTable(list: readonly EndpointHashKV[], emulate: EmulatedVersion): Table {
  const withRevision = differenceOf('hashkvHasRevision', emulate);
  return {
    head: withRevision ? ['endpoint', 'hash', 'hash_revision'] : ['endpoint', 'hash'],
    rows: list.map(({ endpoint, hashKV }) => [
      endpoint,
      String(hashKV.hash),
      ...(withRevision ? [String(hashKV.hashRevision)] : []),
    ]),
  };
}

export function snapshotTable(status: SnapshotStatus): Table {
  const withVersion = status.version !== undefined;
  return {
    head: ['hash', 'revision', 'total keys', 'total size', ...(withVersion ? ['version'] : [])],
    rows: [
      [
        status.hash.toString(16),
        String(status.revision),
        String(status.totalKey),
        humanSize(status.totalSize),
        ...(status.version === undefined ? [] : [status.version]),
      ],
    ],
  };
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** Bytes for people, in powers of 1000, one decimal below 10: `25 kB`, `2.1 MB`. */
export function humanSize(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  const power = Math.floor(Math.log(bytes) / Math.log(1000));
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : roundHalfToEven(value)} ${UNITS[power] ?? ''}`;
}

/** As Go's `%.0f`. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
