/**
 * Raft's messages on the wire, on peer streams and in the WAL. By hand, for it is a hot path and numbers must not
 * become bigint.
 *
 * etcd 3.4–3.6 write their non-nullable proto2 fields even when zero, 3.4 and 3.5 an empty snapshot on every message,
 * 3.6 a vote; 3.7 leaves zero values out. All of them read either. Byte fields are left out when empty. Unknown fields
 * are passed over. Source: etcd-io/raft raftpb/raft.proto (v3.7), field by field; what is written when was seen in
 * files and streams of the real versions.
 */
import type { Codec } from '../lib/codec.js';
import { type EmulatedVersion, emulatedVersions } from '../lib/emulate.js';
import { Reader, type Writer, writer } from '../proto/wire.js';
import {
  readConfChange,
  readConfChangeV2,
  readConfState,
  readEntry,
  readHardState,
  readMessage,
  readSnapshot,
} from './readers.js';
import {
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  emptySnapshot,
  type HardState,
  type Message,
  makeConfChange,
  makeConfChangeV2,
  makeConfState,
  makeEntry,
  makeHardState,
  makeMessage,
  NO_BYTES,
  type Snapshot,
} from './types.js';
import {
  type Form,
  forms,
  writeConfChange,
  writeConfChangeV2,
  writeConfState,
  writeEntry,
  writeHardState,
  writeMessage,
  writeSnapshot,
} from './writers.js';

/** One codec per version; they differ in what they write, not in what they read. */
export type VersionedCodec<T> = Readonly<Record<EmulatedVersion, Codec<T>>>;

function versioned<T>(
  name: string,
  create: (init?: Partial<T>) => T,
  write: (w: Writer, value: T, form: Form) => void,
  read: (r: Reader, end: number) => T,
): VersionedCodec<T> {
  const make = (form: Form): Codec<T> => ({
    typeName: `raftpb.${name}`,
    create,
    encode(value) {
      const w = writer.begin();
      write(w, value, form);
      return w.finish();
    },
    decode: (bytes) => read(new Reader(bytes), bytes.length),
  });
  return Object.fromEntries(emulatedVersions.map((version) => [version, make(forms[version])])) as VersionedCodec<T>;
}

/**
 * Writes what the codecs' `encode` gives into a writer that others write to as well: frames of many messages are one
 * piece of memory.
 */
export interface PartWriter {
  entry(w: Writer, entry: Entry): void;
  message(w: Writer, message: Message): void;
}

export const partWriter = Object.fromEntries(
  emulatedVersions.map((version): [EmulatedVersion, PartWriter] => [
    version,
    {
      entry: (w, entry) => writeEntry(w, entry, forms[version]),
      message: (w, message) => writeMessage(w, message, forms[version]),
    },
  ]),
) as Readonly<Record<EmulatedVersion, PartWriter>>;

export const entryCodec = versioned<Entry>('Entry', makeEntry, writeEntry, readEntry);
export const messageCodec = versioned<Message>('Message', makeMessage, writeMessage, readMessage);
export const hardStateCodec = versioned<HardState>('HardState', makeHardState, writeHardState, readHardState);
export const confStateCodec = versioned<ConfState>('ConfState', makeConfState, writeConfState, readConfState);
export const confChangeCodec = versioned<ConfChange>('ConfChange', makeConfChange, writeConfChange, readConfChange);
export const confChangeV2Codec = versioned<ConfChangeV2>(
  'ConfChangeV2',
  makeConfChangeV2,
  writeConfChangeV2,
  readConfChangeV2,
);
export const snapshotCodec = versioned<Snapshot>(
  'Snapshot',
  (init) => ({ data: init?.data ?? NO_BYTES, metadata: init?.metadata ?? emptySnapshot.metadata }),
  writeSnapshot,
  readSnapshot,
);
