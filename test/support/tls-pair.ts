/** A member of ours and a real one as a cluster of two, with TLS between them. */
import { join } from 'node:path';
import { Client } from '../../src/client/client.js';
import { osEdges } from '../../src/client/os-edges.js';
import { MemberHome, type MemberProcess, ourProgram } from './member-process.js';

interface Flags {
  readonly ours: readonly string[];
  readonly real: readonly string[];
}
type Homes = readonly [ours: MemberHome, real: MemberHome];

export class TlsPair implements AsyncDisposable {
  private constructor(
    readonly homes: Homes,
    readonly ours: MemberProcess,
    readonly real: MemberProcess,
  ) {}

  static async homes(): Promise<Homes> {
    return [await MemberHome.make(), await MemberHome.make()];
  }

  /** Without waiting for anything. `folder` has the real programs. */
  static spawn(folder: string, flags: Flags, homes: Homes): TlsPair {
    const [ours, real] = homes;
    const peerOf = ({ peerPort }: MemberHome): string => `https://127.0.0.1:${peerPort}`;
    const words = (home: MemberHome, name: string): string[] => [
      ...['--name', name, '--listen-peer-urls', peerOf(home), '--initial-advertise-peer-urls', peerOf(home)],
      ...['--initial-cluster', `ours=${peerOf(ours)},real=${peerOf(real)}`, '--initial-cluster-token', 'tls'],
    ];
    return new TlsPair(
      homes,
      ours.spawn(ourProgram('etcd'), [...words(ours, 'ours'), ...flags.ours]),
      real.spawn(join(folder, 'etcd'), [...words(real, 'real'), ...flags.real]),
    );
  }

  /** Resolves when both serve. */
  static async start(folder: string, flags: Flags): Promise<TlsPair> {
    const pair = TlsPair.spawn(folder, flags, await TlsPair.homes());
    const [ours, real] = pair.homes;
    try {
      await pair.ours.untilHealthy(`http://${ours.endpoint}/health`);
      await pair.real.untilHealthy(`http://${real.endpoint}/health`);
      return pair;
    } catch (cause) {
      await pair[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** What is put through one is read through the other, whoever leads. */
  async agree(): Promise<void> {
    const [ours, real] = this.homes;
    for (const [written, read] of [
      [ours, real],
      [real, ours],
    ] as const) {
      await using writer = new Client({ endpoints: [written.endpoint] }, osEdges);
      await using reader = new Client({ endpoints: [read.endpoint] }, osEdges);
      await writer.kv.put('k', written.endpoint);
      const { kvs } = await reader.kv.get('k');
      const found = Buffer.from(kvs[0]?.value ?? []).toString();
      if (found !== written.endpoint) throw new Error(`${found} was read, ${written.endpoint} written`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.ours.kill(), this.real.kill()]);
    for (const home of this.homes) home[Symbol.dispose]();
  }
}
