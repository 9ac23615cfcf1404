/**
 * A member of ours and a real one, each alone, that are asked the same: what they answer has to be equal, and how far
 * their logs and revisions come by it. Both have the same ids: they are advertised alike.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CallOptions, Channel, ClientStream } from '../../src/grpc/types.js';
import type { Method } from '../../src/lib/codec.js';
import { Auth, Maintenance, type ResponseHeader } from '../../src/proto/gen/etcdserverpb.js';
import { channelTo } from './channel-to.js';
import { buildPrograms, type MemberProcess, ourProgram, startAlone } from './member-process.js';

export const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** A member by itself, and what calls have told of it. */
export class Side implements AsyncDisposable {
  token: string | undefined;
  #url = '';
  #index = 0;
  #revision = 0;
  #channel: Channel | undefined;
  #member: MemberProcess | undefined;

  async start(program: string, folder: string, version: string): Promise<this> {
    const { member, port } = await startAlone(program, folder, {
      flags: ['--bcrypt-cost=4'],
      env: { ETCD_EMULATE_VERSION: program === ourProgram('etcd') ? version : undefined },
    });
    this.#member = member;
    this.#url = `http://127.0.0.1:${port}`;
    await this.#untilVersionDecided();
    await this.moved();
    this.#channel = channelTo(`127.0.0.1:${port}`);
    return this;
  }

  async call<I, O>(method: Method<I, O>, request: I): Promise<O> {
    return this.#connected.unary(method, request, this.#options);
  }

  stream<I, O>(method: Method<I, O>): ClientStream<I, O> {
    const stream = this.#connected.stream(method, this.#options);
    stream.headers.catch(() => {});
    return stream;
  }

  get #connected(): Channel {
    if (this.#channel === undefined) throw new Error('not started');
    return this.#channel;
  }

  get #options(): CallOptions {
    return { metadata: new Map(this.token === undefined ? [] : [['token', [this.token]]]) };
  }

  /** The cluster's version is the last that a member proposes by itself. */
  async #untilVersionDecided(): Promise<void> {
    const decided = async (): Promise<boolean> => !(await this.#get('/version')).includes('not_decided');
    await expect.poll(decided, { timeout: 20_000 }).toBe(true);
  }

  /** By series, what is scraped. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await this.#get('/metrics');
    return new Map([...text.matchAll(/^(\w\S*(?:\{.*\})?) (\S+)$/gm)].map(([, name = '', at]) => [name, Number(at)]));
  }

  /** Through the gateway: the status it answers with. */
  async post(path: string, body: string): Promise<number> {
    const response = await fetch(this.#url + path, { method: 'POST', body });
    await response.arrayBuffer();
    return response.status;
  }

  async #get(path: string): Promise<string> {
    return (await fetch(this.#url + path)).text();
  }

  /** By how much its log and its store have come on since it was last asked. Metrics tell it to everybody. */
  async moved(): Promise<{ readonly entries: number; readonly revisions: number }> {
    const value = (name: string, text: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
    let metrics = '';
    const unapplied = async (): Promise<number> => {
      metrics = await this.#get('/metrics');
      return (
        value('etcd_server_proposals_committed_total', metrics) - value('etcd_server_proposals_applied_total', metrics)
      );
    };
    await expect.poll(unapplied, { timeout: 20_000, interval: 1 }).toBe(0);
    const [index, revision] = [
      value('etcd_server_proposals_applied_total', metrics),
      value('etcd_debugging_mvcc_current_revision', metrics),
    ];
    const moved = { entries: index - this.#index, revisions: revision - this.#revision };
    this.#index = index;
    this.#revision = revision;
    return moved;
  }

  async snapshot(): Promise<(ResponseHeader | undefined)[]> {
    const stream = this.stream(Maintenance.snapshot);
    stream.send({});
    stream.end();
    const headers: (ResponseHeader | undefined)[] = [];
    for await (const { header } of stream.messages) headers.push(header);
    return headers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel?.close();
    await this.#member?.[Symbol.asyncDispose]();
  }
}

/** Ours is as `version`, of which `real` has the programs. */
export async function pair(
  version: string,
  real: string,
  use: (sides: readonly Side[]) => Promise<void>,
): Promise<void> {
  buildPrograms();
  const folder = mkdtempSync(join(tmpdir(), 'answers-'));
  try {
    await using theirs = new Side();
    await using ours = new Side();
    await Promise.all([
      theirs.start(join(real, 'etcd'), folder, version),
      ours.start(ourProgram('etcd'), folder, version),
    ]);
    await use([theirs, ours]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Does the same at both, real one first; what came of it has to be equal. */
export async function same<T>(sides: readonly Side[], what: string, act: (side: Side) => Promise<T>): Promise<void> {
  const [theirs, ours] = await Promise.all(
    sides.map(async (side) => {
      const answer = await act(side).catch((error: unknown) => {
        const { code, message } = error as { code?: unknown; message: string };
        return { code, message };
      });
      return { answer, ...(await side.moved()) };
    }),
  );
  expect({ [what]: ours }).toEqual({ [what]: theirs });
}

export type Step = readonly [string, (side: Side) => Promise<unknown>];

export const headerOf =
  <I>(method: Method<I, { header?: ResponseHeader | undefined }>, request: I) =>
  async (side: Side): Promise<unknown> => {
    const { header } = await side.call(method, request);
    return header ?? 'no header';
  };
const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
export const step = <I>(method: Method<I, { header?: ResponseHeader | undefined }>, request: I): Step => [
  `${method.path} ${JSON.stringify(request, plain)}`,
  headerOf(method, request),
];

export const login: Step = [
  'Authenticate',
  async (side) => {
    const { header, token } = await side.call(Auth.authenticate, { name: 'root', password: 'r' });
    side.token = token;
    return header ?? 'no header';
  },
];

export const user = (name: string, password: string) => ({
  name,
  password,
  options: { noPassword: false },
  hashedPassword: '',
});

export const json = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_key, each: unknown) =>
      typeof each === 'bigint'
        ? String(each)
        : each instanceof Uint8Array
          ? Buffer.from(each).toString('latin1')
          : each,
    ),
  );
