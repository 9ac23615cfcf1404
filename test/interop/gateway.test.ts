/**
 * Random sequences of requests, valid and not, through gRPC and through the JSON gateway: our member and a real etcd
 * answer each alike, and hold the same at the end. Runs where REAL_ETCD names the folder with the binaries of 3.5.
 * `GATEWAY_SEED` replays one seed, `GATEWAY_STEPS` makes more steps.
 */
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/api/gateway/json/parse.js';
import { readProtoJson } from '../../src/api/gateway/json/protojson.js';
import { type AnyMessage, schemaOf } from '../../src/api/gateway/json/schema.js';
import { writeJson } from '../../src/api/gateway/json/write.js';
import type { Channel } from '../../src/grpc/types.js';
import { GrpcError } from '../../src/grpc/types.js';
import type { Method } from '../../src/lib/codec.js';
import { KV, Lease, Maintenance } from '../../src/proto/gen/etcdserverpb.js';
import { type MemberRunner, runOurs, runReal } from '../support/member-runner.js';
import { seededRandom } from '../support/seeded-random.js';
import { channelTo } from '../support/served-member.js';

const binaries = process.env.REAL_ETCD;
const steps = Number(process.env.GATEWAY_STEPS ?? 600);
const seeds = process.env.GATEWAY_SEED === undefined ? [1, 2, 3, 4, 5] : [Number(process.env.GATEWAY_SEED)];

interface Side {
  readonly runner: MemberRunner;
  readonly channel: Channel;
}

interface Step {
  readonly path: string;
  readonly method: Method<unknown, unknown>;
  readonly body: string;
  readonly by: 'gateway' | 'grpc';
}

const methods: readonly (readonly [path: string, method: unknown])[] = [
  ['/v3/kv/put', KV.put],
  ['/v3/kv/range', KV.range],
  ['/v3/kv/deleterange', KV.deleteRange],
  ['/v3/kv/txn', KV.txn],
  ['/v3/kv/compaction', KV.compact],
  ['/v3/lease/grant', Lease.leaseGrant],
  ['/v3/lease/revoke', Lease.leaseRevoke],
  ['/v3/lease/timetolive', Lease.leaseTimeToLive],
  ['/v3/lease/leases', Lease.leaseLeases],
  ['/v3/maintenance/hashkv', Maintenance.hashKV],
];

class Draw {
  readonly #random;
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }
  below(limit: number): number {
    return this.#random.below(limit);
  }
  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  chance(of: number): boolean {
    return this.below(of) === 0;
  }

  key(): string {
    return Buffer.from(this.one(['a', 'b', 'c', 'd/e', 'f', '\0', 'zz'])).toString('base64');
  }
  number(): unknown {
    const value = this.one([0, 1, 2, 3, 5, 8, 20, 50, -1, 1000]);
    return this.one([value, String(value), `${value}.0`, value]);
  }
  /** What hardly ever fits. */
  odd(): unknown {
    return this.one<unknown>([
      null,
      true,
      5,
      'x',
      '!!!',
      1.5,
      [],
      {},
      [1],
      'YQ',
      '9223372036854775808',
      { a: [null] },
      '',
    ]);
  }

  fields(): Record<string, unknown> {
    const all: Record<string, () => unknown> = {
      range_end: () => this.one(['', 'AA==', 'ZA==', 'eg==']),
      limit: () => this.number(),
      revision: () => this.number(),
      sort_order: () => this.one(['NONE', 'ASCEND', 'DESCEND', 1, 2, 'SIDEWAYS']),
      sort_target: () => this.one(['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE', 3]),
      serializable: () => this.one([true, false]),
      keys_only: () => this.one([true, false]),
      count_only: () => this.one([true, false]),
      minModRevision: () => this.number(),
      max_create_revision: () => this.number(),
      value: () => this.one(['MQ==', 'Mg==', '', 'dmFs']),
      prev_kv: () => this.one([true, false]),
      ignore_value: () => this.chance(4),
      ignore_lease: () => this.chance(4),
      lease: () => this.one([0, 101, '102', 103]),
      ID: () => this.one([101, '102', 103, 999]),
      keys: () => this.one([true, false]),
      physical: () => this.one([true, false]),
    };
    const chosen: Record<string, unknown> = {};
    for (const [name, make] of Object.entries(all)) if (this.chance(3)) chosen[name] = make();
    return chosen;
  }

  compare(): unknown {
    const target = this.one(['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE']);
    const values = {
      VERSION: { version: this.number() },
      CREATE: { create_revision: this.number() },
      MOD: { mod_revision: this.number() },
      VALUE: { value: 'MQ==' },
      LEASE: { lease: '101' },
    };
    const result = this.one(['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL', 3]);
    return { key: this.key(), target, result, ...(this.chance(8) ? {} : values[target as keyof typeof values]) };
  }

  operation(depth: number): unknown {
    const request = { key: this.key(), ...(this.chance(2) ? this.fields() : {}) };
    switch (this.below(depth > 1 ? 3 : 4)) {
      case 0:
        return { request_put: { value: 'dHhu', ...request } };
      case 1:
        return { requestRange: request };
      case 2:
        return { request_delete_range: request };
      default:
        return { request_txn: this.transaction(depth + 1) };
    }
  }

  transaction(depth = 0): Record<string, unknown> {
    const list = (make: () => unknown) => Array.from({ length: this.below(3) }, make);
    return {
      compare: list(() => this.compare()),
      success: list(() => this.operation(depth)),
      failure: list(() => this.operation(depth)),
    };
  }

  step(): Step {
    const [path, method] = this.one(methods);
    const isTxn = path.endsWith('/txn');
    const value: Record<string, unknown> = isTxn ? this.transaction() : { key: this.key(), ...this.fields() };
    // Long enough for none to expire on the way.
    if (path.endsWith('/grant')) value.TTL = this.one([600, '6000', 9_000_000_001]);
    // Compactions far ahead would leave nothing to compare.
    if (path.endsWith('/compaction')) value.revision = this.chance(2) ? this.below(20) : 100_000;
    const isSpoiled = this.chance(6);
    if (isSpoiled) value[this.one(Object.keys(value))] = this.odd();
    let body = JSON.stringify(value);
    if (isSpoiled && this.chance(3)) body = body.slice(0, this.below(body.length + 1));
    if (isSpoiled && this.chance(3)) body += this.one([' ', 'garbage', '}', '{}']);
    return { path, method: method as Method<unknown, unknown>, body, by: this.one(['gateway', 'gateway', 'grpc']) };
  }
}

async function answer({ runner, channel }: Side, { path, method, body, by }: Step): Promise<unknown> {
  if (by === 'grpc') {
    const request = messageOf(method, body);
    if (request === undefined) return 'not for gRPC';
    try {
      const message = await channel.unary(method, request);
      const schema = schemaOf(method.output.typeName);
      return normal(writeJson(message as AnyMessage, schema, { comma: ',', escapeHtml: false, textBytes: false }));
    } catch (cause) {
      return cause instanceof GrpcError ? { code: cause.code, message: cause.message } : String(cause);
    }
  }
  const response = await fetch(`http://${runner.endpoint}${path}`, { method: 'POST', body });
  return { status: response.status, type: response.headers.get('content-type'), body: normal(await response.text()) };
}

function messageOf(method: Method<unknown, unknown>, body: string): unknown {
  try {
    const document = parseJson(Buffer.from(body).toString('latin1'));
    return document && readProtoJson(document, schemaOf(method.input.typeName), { textBytes: false });
  } catch {
    return undefined;
  }
}

/** Without what two members never share: ids and terms; keys of leases, and leases, are in no order. */
function normal(text: string): unknown {
  const masked = text
    .replace(/"(cluster_id|member_id|raft_term)":"\d+"/g, '"$1":"…"')
    .replace(/"ID":"\d{6,}"/g, '"ID":"…"');
  try {
    return JSON.parse(masked, (name, value: unknown) =>
      ['keys', 'leases'].includes(name) && Array.isArray(value)
        ? value.map((one) => JSON.stringify(one)).sort()
        : value,
    );
  } catch {
    return masked;
  }
}

describe.skipIf(binaries === undefined)('the gateway and gRPC beside a real etcd', () => {
  test.each(seeds)('seed %d: the same answers', { timeout: 240_000 }, async (seed) => {
    await using ours = await runOurs();
    await using real = await runReal(binaries ?? '');
    const sides = [ours, real].map((runner) => ({ runner, channel: channelTo(runner.endpoint) }));
    try {
      const draw = new Draw(seed);
      for (let index = 0; index < steps; index++) {
        const step = draw.step();
        const [got, wanted] = await Promise.all(sides.map((side) => answer(side, step)));
        expect(got, `seed ${seed}, step ${index}: ${step.by} ${step.path} ${step.body}`).toEqual(wanted);
      }
      await sameHashes(sides);
    } finally {
      for (const { channel } of sides) await channel.close();
    }
  });
});

/** At every revision that can still be read. */
async function sameHashes(sides: readonly Side[]): Promise<void> {
  const hashAt = async (revision: number): Promise<unknown[]> =>
    Promise.all(
      sides.map(({ channel }) =>
        channel.unary(Maintenance.hashKV, { revision }).then(
          ({ header, hash, compactRevision }) => ({ revision: header?.revision, hash, compactRevision }),
          (error: GrpcError) => error.message,
        ),
      ),
    );
  const [last] = (await hashAt(0)) as { revision: number }[];
  for (let revision = 1; revision <= (last?.revision ?? 0); revision++) {
    const [got, wanted] = await hashAt(revision);
    expect(got, `hash at revision ${revision}`).toEqual(wanted);
  }
}
