/** A member's process under attack: what it holds in memory, and how long another client waits meanwhile. */
import { readFileSync } from 'node:fs';
import type { Channel } from '../../src/grpc/types.js';
import { KV, PutRequest } from '../../src/proto/gen/etcdserverpb.js';
import { type ClusterPlace, type LocalCluster, startCluster } from './cluster.js';
import type { MemberProcess } from './member-process.js';

const MB = 1024 * 1024;
/** Every key. */
export const everything = { key: Buffer.of(0), rangeEnd: Buffer.of(0) };

export class WatchedMember implements AsyncDisposable {
  private constructor(
    readonly cluster: LocalCluster,
    readonly process: MemberProcess,
  ) {}

  static async start(flags: readonly string[] = []): Promise<WatchedMember> {
    const cluster = await startCluster({ members: 1, runner: 'ours', flags });
    return new WatchedMember(cluster, cluster.only.process);
  }

  get place(): ClusterPlace {
    return this.cluster.only;
  }

  connect(): Channel {
    return this.place.connect();
  }

  /** Keys of a kilobyte. */
  async fill(megabytes: number): Promise<void> {
    const channel = this.connect();
    const value = Buffer.alloc(1000, 'x');
    for (let done = 0; done < megabytes * 1000; done += 500) {
      const puts = Array.from({ length: 500 }, (_, at) =>
        PutRequest.create({ key: Buffer.from(`k${done + at}`), value }),
      );
      await Promise.all(puts.map((put) => channel.unary(KV.put, put)));
    }
  }

  get residentMb(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'latin1');
    return (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MB;
  }

  /**
   * How much resident memory grew at most while `attack` ran and for a while after it, and how many puts another client
   * had answered.
   */
  async during(attack: () => Promise<void>): Promise<{ grewMb: number; puts: number; slowestPutMs: number }> {
    const before = this.residentMb;
    const other = this.connect();
    let over = false;
    let peak = before;
    let puts = 0;
    let slowestPutMs = 0;
    const watch = (async () => {
      while (!over) {
        const beganMs = performance.now();
        await other.unary(KV.put, PutRequest.create({ key: Buffer.from('other'), value: Buffer.from('v') }));
        slowestPutMs = Math.max(slowestPutMs, performance.now() - beganMs);
        puts++;
        peak = Math.max(peak, this.residentMb);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    await attack();
    await new Promise((resolve) => setTimeout(resolve, 500));
    over = true;
    await watch;
    return { grewMb: peak - before, puts, slowestPutMs };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}
