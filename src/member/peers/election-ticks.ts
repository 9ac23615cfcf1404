/**
 * At its start a member lets most of its first election timeout pass at once: a cluster that is up again finds its
 * leader sooner. Alone there is nobody to wait for; with others it is done once two of them are reached, so as
 * not to disturb a leader whose heartbeats are still on their way. Source: etcd's EtcdServer.adjustTicks.
 */
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import type { Connections } from '../membership/connections.js';

/** How long others have to show up. */
const WAIT_MS = 5000;

export interface ElectionTicksDeps {
  readonly connections: Connections;
  readonly logger: Logger;
  /** `--initial-election-tick-advance` */
  readonly isWanted: boolean;
  readonly electionTicks: number;
  readonly heartbeatIntervalMs: number;
  readonly advance: (ticks: number) => void;
}

export class ElectionTicks {
  #state: 'begin' | 'waiting' | 'done' = 'begin';
  #untilMs = 0;

  constructor(readonly deps: ElectionTicksDeps) {}

  /** `members`: how many the cluster has. */
  tick(nowMs: number, members: number): void {
    const { connections, electionTicks, isWanted, logger } = this.deps;
    switch (this.#state) {
      case 'done':
        return;
      case 'begin':
        this.#begin(nowMs, members);
        return;
      case 'waiting': {
        const active = connections.activeCount;
        if (active < 2 && nowMs < this.#untilMs) return;
        this.#state = 'done';
        if (active < 2 || !isWanted) return;
        const ticks = electionTicks - 2;
        logger.info('initialized peer connections; fast-forwarding election ticks', {
          ...this.#fields(ticks),
          'active-remote-members': active,
        });
        this.deps.advance(ticks);
      }
    }
  }

  #begin(nowMs: number, members: number): void {
    const { electionTicks, isWanted, logger } = this.deps;
    this.#state = 'done';
    if (members === 1) {
      logger.info('started as single-node; fast-forwarding election ticks', this.#fields(electionTicks - 1));
    } else if (!isWanted) {
      logger.info('skipping initial election tick advance', { 'election-ticks': electionTicks });
    } else {
      logger.info('starting initial election tick advance', { 'election-ticks': electionTicks });
      this.#state = 'waiting';
      this.#untilMs = nowMs + WAIT_MS;
    }
  }

  #fields(ticks: number): Record<string, unknown> {
    const { connections, electionTicks, heartbeatIntervalMs } = this.deps;
    return {
      'local-member-id': connections.cluster.localId.toString(16),
      'forward-ticks': ticks,
      'forward-duration': formatMs(ticks * heartbeatIntervalMs),
      'election-ticks': electionTicks,
      'election-timeout': formatMs(electionTicks * heartbeatIntervalMs),
    };
  }
}
