/**
 * Asks a peer every 4 seconds how it is: so the round trip is known, and how far its clock is from ours. Etcd has two
 * for each peer, one over the connections of the streams and one over those of snapshots; operators look for their
 * names.
 */
import { formatMs } from '../lib/go/duration.js';
import { goStatusText } from '../lib/go/http-status.js';
import { collectBody } from '../lib/http.js';
import type { NodeId } from '../raftpb/types.js';
import { CONNECTION_TIMEOUT_MS, errorText, hex, type PeerContext } from './context.js';

export type ProberName = 'ROUND_TRIPPER_RAFT_MESSAGE' | 'ROUND_TRIPPER_SNAPSHOT';

/** Less than the time after which a silent connection is given up. */
export const PROBE_PERIOD_MS = CONNECTION_TIMEOUT_MS - 1000;
const REPORT_MS = 30_000;
/** The first time too, so that what is wrong from the start is heard early. */
const REPORT_UNHEALTHY_MS = 5_000;
const MAX_CLOCK_DIFFERENCE_MS = 1_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** How much the newest round trip counts. */
const SMOOTHING = 0.125;

export class Prober {
  readonly #stop = new AbortController();
  readonly #timers: (() => void)[] = [];
  #urls: readonly string[] = [];
  #pinned = 0;
  #asking = false;
  #healthy = false;
  #error: string | undefined;
  #roundTripMs = 0;
  #clockDifferenceMs = 0;

  constructor(
    readonly context: PeerContext,
    readonly peerId: NodeId,
    readonly name: ProberName,
    readonly onAnswer: () => void = () => {},
  ) {}

  start(urls: readonly string[]): void {
    this.update(urls);
    this.probe();
    this.#reportAfter(REPORT_UNHEALTHY_MS);
  }

  update(urls: readonly string[]): void {
    this.#urls = urls.map((url) => `${url.replace(/\/+$/, '')}/raft/probing`);
    this.#pinned = 0;
  }

  stop(): void {
    this.#stop.abort(new Error('stopped'));
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  /** At its start, and every `PROBE_PERIOD_MS`: the transport has all peers asked in one go. */
  probe(): void {
    void this.#probe();
  }

  async #probe(): Promise<void> {
    if (this.#asking || this.#stop.signal.aborted) return;
    const { clock, http } = this.context;
    this.#asking = true;
    const begunMs = clock.monotonicMs();
    try {
      const answer = await http.ask({
        method: 'GET',
        url: this.#urls[this.#pinned] ?? '',
        signal: this.#stop.signal,
        headersTimeoutMs: CONNECTION_TIMEOUT_MS,
        bodyTimeoutMs: CONNECTION_TIMEOUT_MS,
      });
      const body = Buffer.from(await collectBody(answer.body, MAX_ANSWER_BYTES)).toString();
      if (answer.status !== 200)
        throw new Error(`got unexpected HTTP status code ${answer.status} ${goStatusText(answer.status)}`);
      this.#succeeded(clock.monotonicMs() - begunMs, readNow(body));
    } catch (error) {
      this.#healthy = false;
      this.#error = errorText(error);
      this.#pinned = (this.#pinned + 1) % Math.max(1, this.#urls.length);
    } finally {
      this.#asking = false;
    }
  }

  #succeeded(roundTripMs: number, peerWallMs: number): void {
    this.#roundTripMs = (1 - SMOOTHING) * this.#roundTripMs + SMOOTHING * roundTripMs;
    this.#clockDifferenceMs = this.context.clock.wallMs() - peerWallMs - this.#roundTripMs / 2;
    this.#healthy = true;
    this.#error = undefined;
    this.onAnswer();
  }

  #reportAfter(delayMs: number): void {
    const cancel = this.context.clock.after(delayMs, () => {
      this.#timers.splice(this.#timers.indexOf(cancel), 1);
      this.#report();
      this.#reportAfter(this.#healthy ? REPORT_MS : REPORT_UNHEALTHY_MS);
    });
    this.#timers.push(cancel);
  }

  #report(): void {
    const { logger, metrics } = this.context;
    const fields = { 'round-tripper-name': this.name, 'remote-peer-id': hex(this.peerId) };
    const rtt = formatMs(this.#roundTripMs);
    const error = this.#error === undefined ? {} : { error: this.#error };
    if (!this.#healthy) logger.warn('prober detected unhealthy status', { ...fields, rtt, ...error });
    // etcd-diff: a peer's clock that is ahead of ours is logged as well; etcd sees only those behind.
    if (Math.abs(this.#clockDifferenceMs) > MAX_CLOCK_DIFFERENCE_MS) {
      const drift = formatMs(this.#clockDifferenceMs);
      logger.warn('prober found high clock drift', { ...fields, 'clock-drift': drift, rtt, ...error });
    }
    metrics.roundTrip.observe({ To: hex(this.peerId) }, this.#roundTripMs / 1000);
  }
}

/** Milliseconds since the epoch of `{"OK":true,"Now":"2026-11-22T06:41:27.123456789Z"}`. */
function readNow(body: string): number {
  const { OK: ok, Now: now } = JSON.parse(body) as { OK?: unknown; Now?: unknown };
  const wallMs = typeof now === 'string' ? Date.parse(now) : Number.NaN;
  if (ok !== true || Number.isNaN(wallMs)) throw new Error('peer is not healthy');
  return wallMs;
}
