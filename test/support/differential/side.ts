/** One of the members that are compared: asks it through gRPC or the gateway, and makes its answers comparable. */
import { gunzipSync } from 'node:zlib';
import { parseJson } from '../../../src/api/gateway/json/parse.js';
import { readProtoJson } from '../../../src/api/gateway/json/protojson.js';
import { type AnyMessage, schemaOf } from '../../../src/api/gateway/json/schema.js';
import { writeJson } from '../../../src/api/gateway/json/write.js';
import type { CallOptions, Channel } from '../../../src/grpc/types.js';
import { GrpcError } from '../../../src/grpc/types.js';
import type { Method } from '../../../src/lib/codec.js';
import { Auth, Cluster, Lease, Maintenance } from '../../../src/proto/gen/etcdserverpb.js';
import { channelTo } from '../channel-to.js';
import type { ClusterPlace } from '../cluster.js';
import { base64 } from './draw.js';
import { FrameClient, type FrameRequest } from './frames.js';
import type { Caller, Rpc } from './requests.js';

export interface Step {
  readonly rpc: Rpc;
  /** As JSON; a stream's are several. */
  readonly bodies: readonly string[];
  readonly by: 'gateway' | 'grpc';
  readonly as: Caller;
  /** Of a call through the gateway, what its address and its head have besides. */
  readonly odd?: Odd | undefined;
}

export interface Odd {
  readonly method?: string;
  /** Of no length that is told before. */
  readonly isChunked?: boolean;
  readonly root?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Long enough for whatever does not wait for somebody else. */
const WAIT_MS = 400;
const ANSWER_MS = 10_000;
const STRANGER = ['a stranger', 'notatokenatall.1'] as const;
/** Ids that requests choose are smaller. */
const FIRST_OWN_LEASE = 1_000_000n;
/** Of leases of the server's choice in names of keys. */
const LEASE_NAME = /\/[0-9a-f]{13,16}$/;

export class Side implements AsyncDisposable {
  readonly channel: Channel;
  readonly #frames: FrameClient;
  readonly #tokens = new Map<string, string>([STRANGER]);
  #member = '0';
  #learner = '0';

  private constructor(readonly place: ClusterPlace) {
    this.channel = channelTo(place.endpoint);
    this.#frames = new FrameClient(place.endpoint);
  }

  static async of(place: ClusterPlace): Promise<Side> {
    const side = new Side(place);
    const { header } = await side.channel.unary(Cluster.memberList, Cluster.memberList.input.create());
    side.#member = String(header?.memberId ?? 0);
    return side;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#frames[Symbol.dispose]();
    await this.channel.close();
  }

  async answer(step: Step): Promise<unknown> {
    this.#pendingToken = undefined;
    const bodies = step.bodies.map((body) => this.#named(body));
    const found = step.by === 'grpc' ? await this.#byGrpc(step, bodies) : await this.#byGateway(step, bodies);
    return this.#masked(found, step.rpc.path);
  }

  /** Any bytes as the one message of a call through gRPC. */
  async raw({ method, path }: Rpc, bytes: Uint8Array, as: Caller): Promise<unknown> {
    const input = { ...method.input, encode: () => bytes };
    try {
      const answer = await this.channel.unary({ ...method, input }, undefined, this.metadata(as));
      return this.#masked([jsonOf(method, answer)], path);
    } catch (cause) {
      if (!(cause instanceof GrpcError)) return { thrown: String(cause) };
      return { code: cause.code, message: cause.message };
    }
  }

  /** A call as no client of gRPC would make it. */
  async frames(request: FrameRequest): Promise<unknown> {
    const { method, path } = request.rpc;
    const answer = await this.#frames.ask(request, this.#tokens.get(request.as));
    const messages: string[] = [];
    for (let rest = answer.body; rest.length >= 5; rest = rest.subarray(5 + rest.readUInt32BE(1)))
      messages.push(shown(method, rest.subarray(5, 5 + rest.readUInt32BE(1)), rest[0] === 1));
    const { reset, headers, trailers } = answer;
    // An empty message of a status is sent or not.
    const ends = Object.fromEntries(Object.entries(trailers).filter(([, value]) => value !== ''));
    return this.#masked({ reset, headers: { ...headers }, trailers: ends, messages }, path);
  }

  /** Any request over HTTP/1 that is not one of an RPC. */
  async plain(method: string, path: string, body: string | undefined): Promise<unknown> {
    const response = await fetch(`http://${this.place.endpoint}${path}`, {
      method,
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = (await response.text())
      .replace('Temporary Redirect', 'Moved Permanently')
      .replace(/("etcdserver":"\d+\.\d+)\.\d+/, '$1');
    return this.#masked({ ...told(response), body: text }, path);
  }

  async revision(): Promise<number | undefined> {
    const { header } = await this.channel.unary(Maintenance.hashKV, Maintenance.hashKV.input.create());
    return header?.revision;
  }

  /** Negative for a lease that is not there; undefined where the question is refused. */
  async timeToLive(id: bigint): Promise<number | undefined> {
    try {
      const request = Lease.leaseTimeToLive.input.create({ ID: id });
      return Number((await this.channel.unary(Lease.leaseTimeToLive, request, this.metadata('root'))).TTL);
    } catch {
      return undefined;
    }
  }

  /** Leases of the server's choice end, and with them the keys that are told. */
  async takeSessions(): Promise<unknown> {
    const told: unknown[] = [];
    for (const id of await this.#leases()) {
      if (id < FIRST_OWN_LEASE) continue;
      const found = await this.channel.unary(Lease.leaseTimeToLive, { ID: id, keys: true });
      told.push([String(found.grantedTTL), found.keys.map((key) => ownLeaseMasked(text(key)))]);
      await this.channel.unary(Lease.leaseRevoke, { ID: id });
    }
    return told.map((each) => JSON.stringify(each)).sort();
  }

  /** Tokens of other times. */
  forget(): void {
    this.#tokens.clear();
    this.#tokens.set(...STRANGER);
    this.#pendingToken = undefined;
    this.#learner = '0';
  }

  /** Whether authentication is on, so that nobody may ask for users. */
  async isLocked(): Promise<boolean> {
    return this.channel.unary(Auth.userList, {}).then(
      () => false,
      () => true,
    );
  }

  /** Nobody is known any more, nothing leased. Authentication is off. */
  async clear(): Promise<void> {
    const { channel } = this;
    for (const id of await this.#leases()) await channel.unary(Lease.leaseRevoke, { ID: id });
    const { users } = await channel.unary(Auth.userList, {});
    for (const name of users) await channel.unary(Auth.userDelete, { name });
    const { roles } = await channel.unary(Auth.roleList, {});
    for (const role of roles) await channel.unary(Auth.roleDelete, { role });
    const { members } = await channel.unary(Cluster.memberList, { linearizable: true });
    for (const { ID } of members) if (String(ID) !== this.#member) await channel.unary(Cluster.memberRemove, { ID });
  }

  /** What there is of all that does not count in revisions. */
  async state(): Promise<unknown> {
    const { channel } = this;
    const { users } = await channel.unary(Auth.userList, {});
    const { roles } = await channel.unary(Auth.roleList, {});
    const { enabled, authRevision } = await channel.unary(Auth.authStatus, {});
    const { members } = await channel.unary(Cluster.memberList, { linearizable: true });
    const { alarms } = await channel.unary(Maintenance.alarm, Maintenance.alarm.input.create());
    const leases = await this.#leases();
    const shown = { users, roles, enabled, authRevision, members: members.length, alarms: alarms.length };
    return { ...shown, leases: leases.length, revision: await this.revision() };
  }

  async #leases(): Promise<readonly bigint[]> {
    return (await this.channel.unary(Lease.leaseLeases, {})).leases.map(({ ID }) => ID);
  }

  metadata(as: Caller): CallOptions {
    const token = this.#tokens.get(as);
    return { timeoutMs: ANSWER_MS, ...(token === undefined ? {} : { metadata: new Map([['token', [token]]]) }) };
  }

  async #byGrpc({ rpc, as }: Step, bodies: readonly string[]): Promise<unknown> {
    const { method } = rpc;
    const requests = bodies.map((body) => messageOf(method, body));
    if (requests.includes(undefined)) return 'not for gRPC';
    const options = { ...this.metadata(as), ...(rpc.waits ? { timeoutMs: WAIT_MS } : {}) };
    const answers: unknown[] = [];
    try {
      if (method.kind === 'unary') answers.push(jsonOf(method, await this.channel.unary(method, requests[0], options)));
      else {
        const stream = this.channel.stream(method, options);
        for (const request of requests) stream.send(request);
        stream.end();
        if (rpc.path.endsWith('/snapshot')) return { whole: await isWholeSnapshot(stream.messages) };
        for await (const message of stream.messages) answers.push(jsonOf(method, message));
      }
      return answers;
    } catch (cause) {
      if (!(cause instanceof GrpcError)) return { answers, thrown: String(cause) };
      return { answers, code: cause.code, message: cause.message };
    }
  }

  async #byGateway(step: Step, bodies: readonly string[]): Promise<unknown> {
    try {
      return await this.#post(step, bodies);
    } catch (cause) {
      return { failed: (cause as Error).cause instanceof Error ? String((cause as Error).cause) : String(cause) };
    }
  }

  async #post({ rpc, as, odd }: Step, bodies: readonly string[]): Promise<unknown> {
    const token = this.#tokens.get(as);
    const response = await fetch(`http://${this.place.endpoint}${addressed(rpc.path, odd)}`, {
      method: odd?.method ?? 'POST',
      ...(odd?.isChunked === true
        ? { body: new Blob([bodies.join('\n')]).stream(), duplex: 'half' }
        : { body: bodies.join('\n') }),
      headers: {
        ...(token === undefined ? {} : { authorization: token }),
        ...odd?.headers,
        ...(rpc.waits ? { 'grpc-timeout': `${WAIT_MS}m` } : {}),
      },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (rpc.path.endsWith('/snapshot') && response.ok) {
      await response.body?.cancel();
      return told(response);
    }
    return { ...told(response), body: await response.text() };
  }

  #named(body: string): string {
    return body
      .replaceAll('"$MEMBER"', `"${this.#member}"`)
      .replaceAll('"$LEARNER"', `"${this.#learner}"`)
      .replaceAll('"$PEER"', `"${this.place.peerUrl}"`);
  }

  /** Remembers what is this side's own, and puts a word in its place. */
  #masked(found: unknown, path: string): unknown {
    let text = JSON.stringify(found);
    const token = /\\?"token\\?":\\?"([^"\\]+)\\?"/.exec(text)?.[1];
    if (token !== undefined) {
      text = text.replaceAll(token, '$TOKEN');
      this.#pendingToken = token;
    }
    const learner = /\\"member\\":\{\\"ID\\":\\"(\d+)\\"/.exec(text)?.[1];
    if (learner !== undefined && path === '/v3/cluster/member/add') this.#learner = learner;
    for (const [id, name] of [
      [this.#member, '$MEMBER'],
      [this.#learner, '$LEARNER'],
    ] as const) {
      if (id !== '0') text = text.replaceAll(id, name).replaceAll(BigInt(id).toString(16), name);
    }
    text = text
      .replaceAll(
        /\\"(cluster_id|raft_term|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse|raftTerm)\\":\\"\d+\\"/g,
        '\\"$1\\":0',
      )
      .replaceAll(/127\.0\.0\.1:\d{4,5}/g, '$ADDRESS');
    // It follows the cluster's version some seconds later.
    if (path === '/v3/maintenance/status') text = text.replaceAll(/(\\?"storageVersion\\?":\\?")3\.\d+\.0/g, '$1');
    // The release within a minor version is not ours to choose.
    if (path === '/v3/maintenance/status') text = text.replaceAll(/(\\?"version\\?":\\?"\d+\.\d+)\.\d+/g, '$1');
    // Who ends a stream at its deadline first is a matter of chance: its own side, or the server's.
    text = text.replaceAll('stream terminated by RST_STREAM with error code: CANCEL', 'context deadline exceeded');
    // A lease of the server's choice, and keys that are named for it.
    if (/^\/v3\/(lock|election|lease)\//.test(path)) text = ownLeaseMasked(text);
    if (path.startsWith('/v3/lease/')) text = text.replaceAll(/\\"ID\\":\\"\d{15,}\\"/g, '\\"ID\\":0');
    if (path === '/v3/maintenance/hash') text = text.replaceAll(/\\"hash\\":\d+/g, '\\"hash\\":0');
    // Whole seconds: the two may be on different sides of one.
    if (path.endsWith('/timetolive')) text = text.replaceAll(/\\"TTL\\":\\"\d+\\"/g, '\\"TTL\\":0');
    return JSON.parse(text, (key, value: unknown) => (key === 'body' || /^\d+$/.test(key) ? sorted(value) : value));
  }

  #pendingToken: string | undefined;
  /** The token that the last answer gave is `user`'s from now on. */
  keepToken(user: string): void {
    if (this.#pendingToken === undefined) return;
    const before = this.#tokens.get(user);
    if (user === 'root' && before !== undefined) this.#tokens.set('root before', before);
    this.#tokens.set(user, this.#pendingToken);
    this.#pendingToken = undefined;
  }
}

/** Numbers of leases that the server chose, and names of keys that have one, as text and as bytes in JSON. */
export function ownLeaseMasked(found: string): string {
  return found
    .replaceAll(/(\\?"lease\\?":\\?")\d{15,}/g, '$10')
    .replaceAll(/[A-Za-z0-9+/]{16,}={0,2}/g, (word) => {
      const name = Buffer.from(word, 'base64').toString('latin1');
      return LEASE_NAME.test(name) ? base64(name.replace(LEASE_NAME, '/$LEASE')) : word;
    })
    .replaceAll(/\/[0-9a-f]{13,16}\b/g, '/$LEASE');
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** What is in no order, or in that of ids. */
const unordered = ['keys', 'leases', 'alarms', 'members'];

function sorted(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value, (name, one: unknown) =>
      unordered.includes(name) && Array.isArray(one) ? one.map((each) => JSON.stringify(each)).sort() : one,
    );
  } catch {
    return value;
  }
}

const addressed = (path: string, { root, query }: Odd = {}): string =>
  `${root === undefined ? path : path.replace('/v3/', root)}${query ?? ''}`;

const own = ['date', 'content-length', 'connection', 'keep-alive', 'transfer-encoding'];

function told(response: Response): unknown & object {
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !own.includes(name)));
  // Go's router redirects with the newer status since Go 1.26, which a release may be built with or not.
  return { status: response.status === 307 ? 301 : response.status, headers };
}

async function isWholeSnapshot(messages: AsyncIterable<unknown>): Promise<boolean> {
  let last: unknown;
  for await (const message of messages) last = message;
  return (last as { remainingBytes: number }).remainingBytes === 0;
}

function jsonOf(method: Method<unknown, unknown>, message: unknown): string {
  const schema = schemaOf(method.output.typeName);
  return writeJson(message as AnyMessage, schema, { comma: ',', escapeHtml: false, textBytes: false });
}

/** Of a path that an odd request names, the answer may be another's. */
function shown(method: Method<unknown, unknown>, bytes: Uint8Array, isPacked: boolean): string {
  try {
    return jsonOf(method, method.output.decode(isPacked ? gunzipSync(bytes) : bytes));
  } catch {
    return Buffer.from(bytes).toString('hex');
  }
}

/** Undefined for a body that is no such message. */
export function messageOf(method: Method<unknown, unknown>, body: string): unknown {
  try {
    const document = parseJson(Buffer.from(body).toString('latin1'));
    return document && readProtoJson(document, schemaOf(method.input.typeName), { textBytes: false });
  } catch {
    return undefined;
  }
}
