/** Whether a peer is reached at present, in either direction; changes of it are logged once. */
import type { NodeId } from '../raftpb/types.js';
import { hex, type PeerContext } from './context.js';

/** `failed to <action> <peer> on <source>` */
export interface PeerFailure {
  readonly source: string;
  readonly action: string;
  readonly reason: string;
}

export class PeerStatus {
  #activeSinceMs: number | undefined;

  constructor(
    readonly context: PeerContext,
    readonly id: NodeId,
  ) {}

  get isActive(): boolean {
    return this.#activeSinceMs !== undefined;
  }

  /** Monotonic milliseconds. */
  get activeSinceMs(): number | undefined {
    return this.#activeSinceMs;
  }

  activate(): void {
    if (this.#activeSinceMs !== undefined) return;
    const { clock, logger, metrics } = this.context;
    logger.info('peer became active', { 'peer-id': hex(this.id) });
    this.#activeSinceMs = clock.monotonicMs();
    metrics.activePeers.inc(this.#labels());
  }

  deactivate({ source, action, reason }: PeerFailure): void {
    const { logger, metrics } = this.context;
    const fields = {
      'peer-id': hex(this.id),
      error: `failed to ${action} ${hex(this.id)} on ${source} (${reason})`,
    };
    if (this.#activeSinceMs === undefined) {
      logger.debug('peer deactivated again', fields);
      return;
    }
    logger.warn('peer became inactive (message send to peer failed)', fields);
    this.#activeSinceMs = undefined;
    metrics.activePeers.dec(this.#labels());
    metrics.disconnectedPeers.inc(this.#labels());
  }

  /** The peer is no member any more: it is not counted among the active ones. */
  forget(): void {
    if (this.#activeSinceMs === undefined) return;
    this.#activeSinceMs = undefined;
    this.context.metrics.activePeers.dec(this.#labels());
  }

  #labels(): { Local: string; Remote: string } {
    return { Local: hex(this.context.local.id), Remote: hex(this.id) };
  }
}
