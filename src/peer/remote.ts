/**
 * A server that is not known as a member, or not yet: while a joiner replays the log it must answer members that it has
 * not read of so far. All it gets is a pipeline to the URLs that the sender told.
 */
import type { Message, NodeId } from '../raftpb/types.js';
import { hex, type PeerContext } from './context.js';
import { reportFull } from './peer.js';
import { PeerStatus } from './peer-status.js';
import { Pipeline } from './pipeline.js';
import { UrlPicker } from './url-picker.js';

export class Remote {
  readonly #status: PeerStatus;
  readonly #pipeline: Pipeline;

  constructor(
    readonly context: PeerContext,
    readonly id: NodeId,
    urls: readonly string[],
  ) {
    this.#status = new PeerStatus(context, id);
    this.#pipeline = new Pipeline(context, id, new UrlPicker(urls), this.#status);
  }

  send(message: Message): void {
    if (this.#pipeline.push(message)) return;
    reportFull(this.context, { message, peerId: this.id, channel: 'pipeline', active: this.#status.isActive });
    this.context.metrics.sentFailures.inc({ To: hex(message.to) });
  }

  async stop(): Promise<void> {
    await this.#pipeline.stop();
    this.#status.forget();
  }
}
