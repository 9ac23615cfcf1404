/** Looking after members: status, hashes, alarms, defragmentation, snapshots, leadership. */

import type { ClientStream } from '../grpc/types.js';
import type { MemberId } from '../lib/ids.js';
import { appendAll } from '../lib/long-lists.js';
import {
  type AlarmMember,
  AlarmRequest_AlarmAction,
  type AlarmResponse,
  AlarmType,
  type DefragmentResponse,
  type DowngradeRequest_DowngradeAction,
  type DowngradeResponse,
  type HashKVResponse,
  type HashResponse,
  Maintenance,
  type MoveLeaderResponse,
  type SnapshotRequest,
  type SnapshotResponse,
  type StatusResponse,
} from '../proto/gen/etcdserverpb.js';
import type { Caller } from './caller.js';
import { fromGrpc } from './errors.js';
import type { CallLimits } from './options.js';
import { limitsOf } from './retry.js';

/** Runs `use` with a caller whose calls reach `endpoint` only. */
export type AtEndpoint = <T>(endpoint: string, use: (caller: Caller) => Promise<T>) => Promise<T>;

export class MaintenanceClient {
  readonly #caller: Caller;
  readonly #at: AtEndpoint;
  constructor(caller: Caller, at: AtEndpoint) {
    this.#caller = caller;
    this.#at = at;
  }

  status(endpoint: string, options: CallLimits = {}): Promise<StatusResponse> {
    return this.#at(endpoint, (caller) => caller.unary(Maintenance.status, {}, limitsOf(options, 'repeatable')));
  }

  /** Of the whole database file. */
  hash(endpoint: string, options: CallLimits = {}): Promise<HashResponse> {
    return this.#at(endpoint, (caller) => caller.unary(Maintenance.hash, {}, limitsOf(options, 'repeatable')));
  }

  /** Of all keys up to `revision` (0 = now): members that agree give the same. */
  hashKV(endpoint: string, revision: number, options: CallLimits = {}): Promise<HashKVResponse> {
    return this.#at(endpoint, (caller) =>
      caller.unary(Maintenance.hashKV, { revision }, limitsOf(options, 'repeatable')),
    );
  }

  defragment(endpoint: string, options: CallLimits = {}): Promise<DefragmentResponse> {
    return this.#at(endpoint, (caller) => caller.unary(Maintenance.defragment, {}, options));
  }

  alarms(options: CallLimits = {}): Promise<AlarmResponse> {
    return this.#alarm(AlarmRequest_AlarmAction.GET, { memberID: 0n, alarm: AlarmType.NONE }, options);
  }

  /** The disarmed alarm, or all of them when none is named. */
  async disarm(alarm?: AlarmMember, options: CallLimits = {}): Promise<AlarmResponse> {
    if (alarm !== undefined) return this.#alarm(AlarmRequest_AlarmAction.DEACTIVATE, alarm, options);
    const disarmed: AlarmMember[] = [];
    for (const active of (await this.alarms(options)).alarms)
      appendAll(disarmed, (await this.#alarm(AlarmRequest_AlarmAction.DEACTIVATE, active, options)).alarms);
    return { header: undefined, alarms: disarmed };
  }

  /** Must reach the leader. */
  moveLeader(to: MemberId, options: CallLimits = {}): Promise<MoveLeaderResponse> {
    return this.#caller.unary(Maintenance.moveLeader, { targetID: to }, limitsOf(options, 'repeatable'));
  }

  downgrade(
    action: DowngradeRequest_DowngradeAction,
    version: string,
    options: CallLimits = {},
  ): Promise<DowngradeResponse> {
    return this.#caller.unary(Maintenance.downgrade, { action, version }, options);
  }

  /** The database, piece by piece, followed by its SHA-256 as the last 32 bytes. */
  async *snapshot(
    options: { signal?: AbortSignal | undefined; onOpened?: (() => void) | undefined } = {},
  ): AsyncGenerator<SnapshotResponse> {
    const { signal, onOpened } = options;
    const stream: ClientStream<SnapshotRequest, SnapshotResponse> = await this.#caller.stream(Maintenance.snapshot, {
      signal,
    });
    onOpened?.();
    stream.headers.catch(() => undefined);
    try {
      stream.send({});
      stream.end();
      yield* stream.messages;
    } catch (error) {
      throw fromGrpc(error);
    } finally {
      stream.cancel();
    }
  }

  #alarm(action: AlarmRequest_AlarmAction, alarm: AlarmMember, options: CallLimits): Promise<AlarmResponse> {
    return this.#caller.unary(Maintenance.alarm, { action, ...alarm }, limitsOf(options, 'repeatable'));
  }
}
