/** The stores of a member over a backend in memory, with the chain of layers that requests pass through. */
import { SimpleTokens } from '../../src/auth/simple-tokens.js';
import { AuthStore } from '../../src/auth/store.js';
import type { Identity } from '../../src/auth/types.js';
import { Lessor } from '../../src/lease/lessor.js';
import { DEFAULT_EMULATED_VERSION, type EmulatedVersion } from '../../src/lib/emulate.js';
import { silentLogger } from '../../src/lib/logger.js';
import { Alarms } from '../../src/member/apply/alarms.js';
import { Applier } from '../../src/member/apply/applier.js';
import type { Result, StoreKind, StoreOperation } from '../../src/member/apply/operation.js';
import { MvccStore } from '../../src/mvcc/store.js';
import type { Outcome } from '../../src/proto/etcd-error.js';
import { Permission_Type as PermType } from '../../src/proto/gen/authpb.js';
import {
  AuthRoleGrantPermissionRequest,
  AuthUserAddRequest,
  type Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../src/proto/gen/mvccpb.js';
import { MemoryBackend } from './memory-backend.js';
import { seededRandom } from './seeded-random.js';

export const bytes = (text: string): Uint8Array => Buffer.from(text);

export class AppliedStore {
  readonly backend = new MemoryBackend();
  readonly lessor: Lessor;
  readonly store: MvccStore;
  readonly auth: AuthStore;
  readonly alarms: Alarms;
  readonly applier: Applier;
  /** Compactions that were scheduled. */
  readonly compactions: number[] = [];
  /** What the backend may still grow by. */
  roomBytes = Number.POSITIVE_INFINITY;
  exceeded = 0;
  #index = 0;

  constructor(emulate: EmulatedVersion = DEFAULT_EMULATED_VERSION) {
    for (const bucket of ['auth', 'authUsers', 'authRoles', 'alarm'] as const) this.backend.createBucket(bucket);
    this.lessor = new Lessor(this.backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000 });
    this.store = MvccStore.open({ backend: this.backend, leases: this.lessor });
    this.lessor.setKeyDeleter(() => this.store.write());
    this.auth = new AuthStore(this.backend, {
      logger: silentLogger,
      tokens: new SimpleTokens(seededRandom(1), 300),
      hashNow: (password) => `hash of ${password}`,
    });
    this.alarms = new Alarms(this.backend);
    this.applier = new Applier({
      emulate,
      store: this.store,
      lessor: this.lessor,
      alarms: this.alarms,
      auth: this.auth,
      nowMs: () => 0,
      onCompaction: (revision, done) => {
        this.compactions.push(revision);
        done.catch(() => {});
      },
      fits: (costBytes) => costBytes <= this.roomBytes,
      onQuotaExceeded: () => {
        this.exceeded++;
      },
    });
  }

  /** `request` of that kind, as tables of tests have it; somebody waits for the answer unless told otherwise. */
  apply(kind: StoreKind, request: unknown, identity?: Identity, isAwaited = true): Outcome<Result> {
    const index = ++this.#index;
    return this.applier.apply({ kind, request } as StoreOperation, {
      index,
      id: BigInt(index),
      identity,
      isAwaited,
    });
  }

  /** `ok`, or the row of the refusal in its catalogue. */
  outcome(kind: StoreKind, request: unknown, identity?: Identity): string {
    const outcome = this.apply(kind, request, identity);
    return outcome.ok ? 'ok' : ((outcome.error as { row?: string }).row ?? outcome.error.message);
  }

  put(key: string, value = ''): void {
    this.apply('put', put(key, value).request.value);
  }

  /** Every key with its value. */
  get content(): Record<string, string> {
    const { kvs } = this.applier.range(RangeRequest.create({ key: bytes('\0'), rangeEnd: bytes('\0') }));
    return Object.fromEntries(
      kvs.map((kv) => {
        const { key, value } = kv instanceof Uint8Array ? KeyValue.decode(kv) : kv;
        return [Buffer.from(key).toString(), Buffer.from(value).toString()];
      }),
    );
  }

  /** root, and `ann`, who may read `r…` and write `w…`; then authentication is on. */
  enableAuth(): { root: Identity; ann: Identity } {
    const { auth } = this;
    for (const name of ['root', 'ann'])
      auth.addUser(AuthUserAddRequest.create({ name, hashedPassword: Buffer.from('x').toString('base64') }), '');
    auth.addRole('some');
    auth.addRole('other');
    const grants = [
      [PermType.READ, 'r', 's'],
      [PermType.WRITE, 'w', 'x'],
    ] as const;
    for (const [permType, key, rangeEnd] of grants) {
      const perm = { permType, key: bytes(key), rangeEnd: bytes(rangeEnd) };
      auth.grantPermission(AuthRoleGrantPermissionRequest.create({ name: 'some', perm }));
    }
    auth.grantRole('root', 'root');
    auth.grantRole('ann', 'some');
    auth.enable();
    const revision = auth.revision;
    return { root: { username: 'root', revision }, ann: { username: 'ann', revision } };
  }
}

export const put = (key: string, value = '', more: Partial<PutRequest> = {}): RequestOp => ({
  request: { case: 'requestPut', value: PutRequest.create({ key: bytes(key), value: bytes(value), ...more }) },
});
export const range = (key: string, more: Partial<RangeRequest> = {}): RequestOp => ({
  request: { case: 'requestRange', value: RangeRequest.create({ key: bytes(key), ...more }) },
});
export const del = (key: string, rangeEnd = '', prevKv = false): RequestOp => ({
  request: {
    case: 'requestDeleteRange',
    value: DeleteRangeRequest.create({ key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv }),
  },
});
export const nested = (txn: Partial<TxnRequest>): RequestOp => ({
  request: { case: 'requestTxn', value: TxnRequest.create(txn) },
});
export const txn = (compare: Compare[], success: RequestOp[], failure: RequestOp[] = []): TxnRequest =>
  TxnRequest.create({ compare, success, failure });
