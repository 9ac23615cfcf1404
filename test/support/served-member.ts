/**
 * A member with real sockets, files and time, inside the test's process: on free ports, in a folder that is removed at
 * the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChannel } from '../../src/grpc/channel.js';
import type { Channel } from '../../src/grpc/types.js';
import { type Logger, silentLogger } from '../../src/lib/logger.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osNetwork } from '../../src/lib/os/net.js';
import { type RunningMember, startMember } from '../../src/start/start-member.js';
import { memberOptions } from './member-options.js';

export class ServedMember implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'etcd-ts-served-'));
  readonly dataDir = join(this.folder, 'data');
  #running: RunningMember | undefined;
  #channels: Channel[] = [];

  /** `flags` beyond name, folder and addresses; every start takes them. */
  constructor(
    readonly flags: readonly string[] = [],
    readonly logger: Logger = silentLogger,
  ) {}

  static async start(flags: readonly string[] = [], logger?: Logger): Promise<ServedMember> {
    const served = new ServedMember(flags, logger);
    try {
      await served.start();
    } catch (cause) {
      await served[Symbol.asyncDispose]();
      throw cause;
    }
    return served;
  }

  async start(): Promise<void> {
    const any = 'http://127.0.0.1:0';
    const words = [
      '--data-dir',
      this.dataDir,
      `--listen-client-urls=${any}`,
      `--advertise-client-urls=${any}`,
      `--listen-peer-urls=${any}`,
    ];
    this.#running = await startMember(memberOptions([...words, ...this.flags]), this.logger);
  }

  get running(): RunningMember {
    if (this.#running === undefined) throw new Error('the member does not run');
    return this.#running;
  }

  /** As `127.0.0.1:2379`. */
  get address(): string {
    const [address] = this.running.clientAddresses;
    if (address?.t !== 'tcp') throw new Error('no TCP address');
    return `${address.host}:${address.port}`;
  }

  /** A connection to it; closed with the member. */
  connect(): Channel {
    const channel = channelTo(this.address);
    this.#channels.push(channel);
    return channel;
  }

  async stop(): Promise<void> {
    for (const channel of this.#channels) await channel.close();
    this.#channels = [];
    await this.#running?.close();
    this.#running = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** `address` as `127.0.0.1:2379`. */
export function channelTo(address: string): Channel {
  const [host = '', port = ''] = address.split(':');
  return createChannel({
    target: address,
    dial: async (signal) =>
      (await osNetwork.dial({ t: 'tcp', host, port: Number(port) }, { tls: undefined, signal })).socket,
    clock: osClock,
  });
}
