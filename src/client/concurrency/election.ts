/**
 * Election of one leader among sessions. A candidate puts a key `<name>/<lease in hex>` with what it has to say; the
 * oldest of these keys leads. Other clients of etcd use the same keys, so elections are held with them.
 */
import { Code } from '../../grpc/types.js';
import { ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import { Event_EventType, type KeyValue } from '../../proto/gen/mvccpb.js';
import type { Client } from '../client.js';
import { EtcdError } from '../errors.js';
import { type Bytes, toBytes } from '../key-range.js';
import { compare, type GetOptions, op } from '../kv.js';
import { leaseHex } from './mutex.js';
import type { Session } from './session.js';
import { waitForDeletions } from './wait-for-deletion.js';

/** The leader's key and value, and the answer's header. */
export interface Leader {
  readonly kv: KeyValue;
  readonly header: ResponseHeader;
}

const oldest: GetOptions = { prefix: true, sort: { by: 'create', order: 'ascend' }, limit: 1 };

export class Election {
  readonly #session: Session;
  readonly #prefix: string;
  #candidacy: { readonly key: string; readonly createRevision: number } | undefined;

  constructor(session: Session, name: string) {
    this.#session = session;
    this.#prefix = `${name}/`;
  }

  /** Our key; '' when we are no candidate. */
  get key(): string {
    return this.#candidacy?.key ?? '';
  }

  /** Resolves when we lead. Throws EtcdError; when the signal was why, the candidacy is withdrawn. */
  async campaign(value: Bytes, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { client, lease } = this.#session;
    const key = `${this.#prefix}${leaseHex(lease)}`;
    const request = {
      compare: [compare.createRevision(key, '=', 0)],
      success: [op.put(key, value, { lease })],
      failure: [op.get(key)],
    };
    const answer = await client.kv.txn(request, { signal: options.signal }).catch(async (error: unknown) => {
      // It may have been carried out all the same.
      if (options.signal?.aborted === true) await client.kv.delete(key).catch(() => undefined);
      throw error;
    });
    const response = answer.responses[0]?.response;
    const before = response?.case === 'responseRange' ? response.value.kvs[0] : undefined;
    this.#candidacy = { key, createRevision: before?.createRevision ?? answer.header?.revision ?? 0 };
    if (before !== undefined && Buffer.compare(before.value, toBytes(value)) !== 0) await this.proclaim(value);
    try {
      await waitForDeletions(client, this.#prefix, this.#candidacy.createRevision - 1, options);
    } catch (error) {
      if (options.signal?.aborted === true) await this.resign().catch(() => undefined);
      this.#candidacy = undefined;
      throw error;
    }
  }

  /** Says something new as leader. Throws EtcdError when we are not. */
  async proclaim(value: Bytes): Promise<void> {
    const { key, createRevision } = this.#candidacy ?? notLeader();
    const { client, lease } = this.#session;
    const { succeeded } = await client.kv.txn({
      compare: [compare.createRevision(key, '=', createRevision)],
      success: [op.put(key, value, { lease })],
    });
    if (succeeded) return;
    this.#candidacy = undefined;
    notLeader();
  }

  /** Steps down, or withdraws; harmless when there is nothing to step down from. */
  async resign(): Promise<void> {
    if (this.#candidacy === undefined) return;
    const { key, createRevision } = this.#candidacy;
    this.#candidacy = undefined;
    await this.#session.client.kv.txn({
      compare: [compare.createRevision(key, '=', createRevision)],
      success: [op.delete(key)],
    });
  }

  /** Undefined when nobody leads. */
  async leader(options: { signal?: AbortSignal | undefined } = {}): Promise<Leader | undefined> {
    const { kvs, header } = await this.#session.client.kv.get(this.#prefix, { ...oldest, signal: options.signal });
    const [kv] = kvs;
    return kv === undefined ? undefined : { kv, header: header ?? ResponseHeader.create() };
  }

  /**
   * Every leader there is from now on, and everything they proclaim. Ends when the signal aborts; throws EtcdError when
   * it cannot go on. Changes that follow each other quickly may be seen as one.
   */
  async *observe(options: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<Leader> {
    const { client } = this.#session;
    try {
      while (options.signal?.aborted !== true) {
        const leader = (await this.leader(options)) ?? (await this.#firstLeader(client, options));
        if (leader === undefined) return;
        yield leader;
        yield* proclamations(client, leader, options);
      }
    } catch (error) {
      // A call under way when the signal aborts is broken off: that is the end, not a failure.
      if (options.signal?.aborted !== true) throw error;
    }
  }

  /** Waits for a candidate where there is none. */
  async #firstLeader(client: Client, options: { signal?: AbortSignal | undefined }): Promise<Leader | undefined> {
    const { header } = await client.kv.get(this.#prefix, { ...oldest, signal: options.signal });
    const revision = header?.revision ?? 0;
    for await (const batch of client.watch(this.#prefix, { prefix: true, revision, signal: options.signal })) {
      const put = batch.events.find(({ type }) => type === Event_EventType.PUT);
      if (put?.kv !== undefined) return { kv: put.kv, header: { ...batch.header, revision: put.kv.modRevision } };
    }
    return undefined;
  }
}

/** What a leader proclaims until its key goes. */
async function* proclamations(
  client: Client,
  { kv, header }: Leader,
  options: { signal?: AbortSignal | undefined },
): AsyncGenerator<Leader> {
  const watch = client.watch(kv.key, { revision: header.revision + 1, signal: options.signal });
  for await (const batch of watch) {
    for (const event of batch.events) {
      if (event.type === Event_EventType.DELETE) return;
      if (event.kv !== undefined) yield { kv: event.kv, header: batch.header };
    }
  }
}

function notLeader(): never {
  throw new EtcdError(Code.FailedPrecondition, 'election: not leader');
}
