/** Small conveniences of the mvcc tests: a store in memory and requests as text. */
import { Lessor } from '../../../src/lease/lessor.js';
import { latin1Text } from '../../../src/lib/latin1.js';
import { MvccStore } from '../../../src/mvcc/store.js';
import type { KeyReader, WriteTransaction } from '../../../src/mvcc/types.js';
import { KeyValue } from '../../../src/proto/gen/mvccpb.js';
import { MemoryBackend } from '../../support/memory-backend.js';

export const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
export const everything = { key: bytes('\0'), end: bytes('\0') };

export interface Parts {
  backend: MemoryBackend;
  lessor: Lessor;
  store: MvccStore;
}

export function openStore(backend = new MemoryBackend()): Parts {
  const lessor = new Lessor(backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000 });
  const store = MvccStore.open({ backend, leases: lessor });
  lessor.setKeyDeleter(() => store.write());
  return { backend, lessor, store };
}

/** Runs `run` in one transaction; returns the revision after it. */
export function write(store: MvccStore, run: (txn: WriteTransaction) => void): number {
  const txn = store.write();
  run(txn);
  return txn.end();
}

export function put(store: MvccStore, key: string, value = '', lease = 0n): number {
  return write(store, (txn) => txn.put(bytes(key), bytes(value), lease));
}

export function del(store: MvccStore, key: string, end?: string): number {
  return write(store, (txn) => txn.deleteRange(bytes(key), end === undefined ? undefined : bytes(end)));
}

export function work(store: MvccStore, limit = 1000): void {
  while (store.work(limit));
}

export interface PlainKv {
  key: string;
  value: string;
  create: number;
  mod: number;
  version: number;
  lease: bigint;
}

export function plain(record: Uint8Array): PlainKv {
  const kv = KeyValue.decode(record);
  return {
    key: latin1Text(kv.key),
    value: latin1Text(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}

export function read(reader: KeyReader, key: string, end?: string, revision = 0, limit = 0): PlainKv[] {
  const found = reader.range(bytes(key), end === undefined ? undefined : bytes(end), {
    revision,
    limit,
    countOnly: false,
  });
  return found.kvs.map(plain);
}

export function readAll(reader: KeyReader, revision = 0): PlainKv[] {
  return read(reader, '\0', '\0', revision);
}
