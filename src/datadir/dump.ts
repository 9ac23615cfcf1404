/**
 * `etcdutl dump`: what is in a data directory's files, row by row, for people and for scripts. Reads without locks and
 * changes nothing; rows are handed out as they are read, so that a log of any size can be looked at.
 */
import { bucketNames } from '../backend/buckets.js';
import { decodeAlarm } from '../backend/schema/alarm.js';
import { decodeAuthRole } from '../backend/schema/auth-roles.js';
import { decodeAuthUser } from '../backend/schema/auth-users.js';
import { isTombstone, mainOf, subOf } from '../backend/schema/key.js';
import { decodeLease } from '../backend/schema/lease.js';
import type { BucketName } from '../backend/types.js';
import type { Disk } from '../lib/disk.js';
import { goQuoteBytes } from '../lib/go/quote.js';
import { latin1Text } from '../lib/latin1.js';
import { Metadata } from '../proto/gen/etcdserverpb.js';
import { KeyValue } from '../proto/gen/mvccpb.js';
import { entryCodec, hardStateCodec } from '../raftpb/codec.js';
import { entryTypeName } from '../raftpb/describe.js';
import type { Snapshot } from '../raftpb/types.js';
import {
  listSegments,
  parseSnapshotName,
  readRecords,
  readSnapshotFile,
  recordType,
  type SegmentFile,
  SnapshotFileError,
  type WalRecord,
  withSegments,
} from '../wal/index.js';
import { decodeWalSnapshot } from '../wal/marshal.js';
import { absent, readDb } from './db.js';
import { requestKind, requestText } from './describe-request.js';
import { DataDirError } from './errors.js';
import { dbPathOf, snapDirOf, walDirOf } from './names.js';
import { membershipFromV2Snapshot } from './v2-snapshot.js';

export type Cell = string | number | bigint;
/** One line of a table; all rows of a part have the same fields. */
export type Row = Readonly<Record<string, Cell>>;
export type Part = 'wal' | 'snap' | 'db';
export type VisitRow = (part: Part, row: Row) => void;

export interface DumpOptions {
  /** Only this bucket of a database. */
  readonly bucket: string | undefined;
  /** Only log records from this entry index on. */
  readonly fromIndex: number;
}

/**
 * `path`: a data directory, a folder of segments, a segment, a `.snap` file or a database. Throws DataDirError for
 * anything else, and what reading the files throws.
 */
export function dump(disk: Disk, path: string, options: DumpOptions, visit: VisitRow): void {
  const stat = disk.stat(path);
  if (stat === undefined) throw absent('open', disk, path);
  if (!stat.isDirectory) {
    const name = baseName(path);
    if (name.endsWith('.wal') || name.endsWith('.wal.broken')) dumpWal(disk, [segment(path)], options, visit);
    else if (name.endsWith('.snap')) dumpSnapshot(disk, path, visit);
    else dumpDb(disk, path, options, visit);
    return;
  }
  const own = listSegments(disk, path);
  const segments = own.length > 0 ? own : listSegments(disk, walDirOf(path));
  const db = dbPathOf(path);
  if (segments.length === 0 && disk.stat(db) === undefined) {
    throw new DataDirError(`${path} is no data directory: it has neither member/wal nor member/snap/db`);
  }
  dumpWal(disk, segments, options, visit);
  const snapDir = snapDirOf(path);
  for (const name of disk.stat(snapDir) ? disk.list(snapDir) : []) {
    if (parseSnapshotName(name) !== undefined) dumpSnapshot(disk, `${snapDir}/${name}`, visit);
  }
  if (disk.stat(db) !== undefined) dumpDb(disk, db, options, visit);
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const segment = (path: string): SegmentFile => ({ path, sequence: 0, firstIndex: 0 });

function dumpWal(disk: Disk, segments: readonly SegmentFile[], { fromIndex }: DumpOptions, visit: VisitRow): void {
  const end = withSegments(disk, segments, (files) =>
    readRecords(files, (record) => {
      const row = walRow(record);
      if (fromIndex === 0 || (typeof row.index === 'number' && row.index >= fromIndex)) visit('wal', row);
    }),
  );
  if (end.torn !== undefined) {
    const { file, offset, reason } = end.torn;
    visit('wal', { file: baseName(file), offset, type: 'torn', term: '', index: '', kind: '', content: reason });
  }
}

function walRow(record: WalRecord): Row {
  const at = { file: baseName(record.file), offset: record.offset };
  switch (record.type) {
    case recordType.metadata: {
      const { NodeID, ClusterID } = Metadata.decode(record.data);
      const content = `member ${NodeID.toString(16)}, cluster ${ClusterID.toString(16)}`;
      return { ...at, type: 'metadata', term: '', index: '', kind: '', content };
    }
    case recordType.entry: {
      const entry = entryCodec['3.5'].decode(record.data);
      const { term, index } = entry;
      const type = entryTypeName(entry.type);
      return { ...at, type, term, index, kind: requestKind(entry), content: requestText(entry) };
    }
    case recordType.state: {
      const { term, vote, commit } = hardStateCodec['3.5'].decode(record.data);
      const content = `vote ${vote.toString(16)}, commit ${commit}`;
      return { ...at, type: 'state', term, index: '', kind: '', content };
    }
    case recordType.snapshot: {
      const { term, index, confState } = decodeWalSnapshot(record.data);
      const voters = (confState?.voters ?? []).map((id) => id.toString(16)).join(' ');
      return { ...at, type: 'snapshot', term, index, kind: '', content: voters === '' ? '' : `voters ${voters}` };
    }
    case recordType.crc:
      return { ...at, type: 'crc', term: '', index: '', kind: '', content: record.crc.toString(16).padStart(8, '0') };
    default:
      return {
        ...at,
        type: `unknown ${record.type}`,
        term: '',
        index: '',
        kind: '',
        content: `${record.data.length} bytes`,
      };
  }
}

function dumpSnapshot(disk: Disk, path: string, visit: VisitRow): void {
  let snapshot: Snapshot;
  try {
    snapshot = readSnapshotFile(disk, path);
  } catch (error) {
    if (!(error instanceof SnapshotFileError)) throw error;
    const unreadable = `unreadable: ${error.reason}`;
    visit('snap', { ...noSnapshot, file: baseName(path), members: unreadable });
    return;
  }
  const { data, metadata } = snapshot;
  const { index, term, confState } = metadata;
  const hex = (ids: readonly bigint[]): string => ids.map((id) => id.toString(16)).join(' ');
  const { members, version } = membershipFromV2Snapshot(data);
  const names = members.map((member) => `${member.id.toString(16)}=${member.name || '?'}`).join(' ');
  const learners = hex(confState.learners);
  visit('snap', {
    file: baseName(path),
    term,
    index,
    voters: hex(confState.voters),
    learners,
    members: names,
    'cluster-version': version ?? '',
    'data-bytes': data.length,
  });
}

const noSnapshot = {
  file: '',
  term: '',
  index: '',
  voters: '',
  learners: '',
  members: '',
  'cluster-version': '',
  'data-bytes': '',
};

function dumpDb(disk: Disk, path: string, { bucket: only }: DumpOptions, visit: VisitRow): void {
  readDb(disk, path, (tx) => {
    tx.root.range(undefined, undefined, (name) => {
      const bucket = latin1Text(name);
      if (only !== undefined && only !== bucket) return;
      tx.bucket(name)?.range(undefined, undefined, (key, value) => {
        visit('db', { bucket, ...describe(bucket, key, value) });
      });
    });
    if (only !== undefined && tx.bucket(Buffer.from(only, 'latin1')) === undefined) {
      throw new DataDirError(`there is no bucket ${only}; etcd has ${bucketNames.join(', ')}`);
    }
  });
}

type Described = { readonly key: string; readonly value: string };

/** What a record says; the raw bytes, quoted, where it is none of the known ones or cannot be read. */
function describe(bucket: string, key: Uint8Array, value: Uint8Array): Described {
  const decode = decoders[bucket as BucketName];
  try {
    if (decode !== undefined) return decode(key, value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { key: goQuoteBytes(key), value: `${goQuoteBytes(value)} (unreadable: ${reason})` };
  }
  return { key: goQuoteBytes(key), value: goQuoteBytes(value) };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bigEndian = (bytes: Uint8Array): bigint => Buffer.from(bytes).readBigUInt64BE();
const plain = (key: Uint8Array, value: Uint8Array): Described => ({ key: text(key), value: text(value) });

const decoders: Readonly<Record<BucketName, (key: Uint8Array, value: Uint8Array) => Described>> = {
  key: (key, value) => {
    const revision = `${mainOf(key)}/${subOf(key)}`;
    const kv = KeyValue.decode(value);
    if (isTombstone(key)) return { key: revision, value: `deleted ${goQuoteBytes(kv.key)}` };
    const lease = kv.lease === 0n ? '' : ` lease=${kv.lease.toString(16)}`;
    const created = `created=${kv.createRevision} version=${kv.version}${lease}`;
    return { key: revision, value: `${goQuoteBytes(kv.key)} = ${goQuoteBytes(kv.value)} ${created}` };
  },
  meta: (key, value) => {
    const name = text(key);
    if (name === 'consistent_index' || name === 'term') return { key: name, value: String(bigEndian(value)) };
    if (name.endsWith('CompactRev')) return { key: name, value: `${mainOf(value)}/${subOf(value)}` };
    return plain(key, value);
  },
  lease: (key, value) => {
    const { TTL, RemainingTTL } = decodeLease(value);
    return {
      key: bigEndian(key).toString(16),
      value: `ttl=${TTL}${RemainingTTL > 0 ? ` remaining=${RemainingTTL}` : ''}`,
    };
  },
  alarm: (key) => {
    const { memberID, alarm } = decodeAlarm(key);
    return { key: memberID.toString(16), value: `alarm ${alarm}` };
  },
  auth: (key, value) => {
    const name = text(key);
    return { key: name, value: value.length === 8 ? String(bigEndian(value)) : String(value[0] ?? '') };
  },
  authUsers: (key, value) => {
    const user = decodeAuthUser(value);
    const password = user.password.length === 0 ? 'no password' : 'password ***';
    return { key: text(key), value: `roles=[${user.roles.join(' ')}] ${password}` };
  },
  authRoles: (key, value) => {
    const may = decodeAuthRole(value).keyPermission.map((permission) => {
      const end = permission.rangeEnd.length === 0 ? '' : `, ${goQuoteBytes(permission.rangeEnd)}`;
      return (
        `${['READ', 'WRITE', 'READWRITE'][permission.permType] ?? permission.permType} ` +
        `[${goQuoteBytes(permission.key)}${end}]`
      );
    });
    return { key: text(key), value: may.join(' ') };
  },
  members: plain,
  members_removed: plain,
  cluster: plain,
};
