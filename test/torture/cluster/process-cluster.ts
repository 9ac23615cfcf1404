/** Members as processes of their own, that talk to one another through proxies. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../../src/client/client.js';
import { osEdges } from '../../../src/client/os-edges.js';
import { freePort } from '../../support/free-port.js';
import { MemberProcess, ourProgram } from '../../support/member-process.js';
import { PeerProxy } from './proxy.js';

const FLAGS = ['--snapshot-count', '500', '--heartbeat-interval', '100', '--election-timeout', '1000'];

export class ProcessMember {
  process: MemberProcess | undefined;
  isPaused = false;
  /** Its id in hex. */
  id = '';

  constructor(
    readonly name: string,
    readonly folder: string,
    readonly clientPort: number,
    readonly peerPort: number,
    readonly proxy: PeerProxy,
    readonly peerUrl: string,
  ) {}

  get endpoint(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  get isUp(): boolean {
    return this.process !== undefined && !this.process.hasEnded && !this.isPaused;
  }

  spawn(initialCluster: string, state: 'new' | 'existing'): void {
    const client = `http://${this.endpoint}`;
    const words = [
      ...['--name', this.name, '--data-dir', join(this.folder, this.name), '--initial-cluster', initialCluster],
      ...['--initial-cluster-state', state, '--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', `http://127.0.0.1:${this.peerPort}`, '--initial-advertise-peer-urls', this.peerUrl],
      ...FLAGS,
    ];
    const env = { PATH: process.env.PATH ?? '' };
    this.process = new MemberProcess(spawn(ourProgram('etcd'), words, { stdio: ['ignore', 'pipe', 'pipe'], env }));
  }

  async kill(): Promise<void> {
    this.isPaused = false;
    await this.process?.kill();
    this.process = undefined;
  }

  pause(): void {
    if (!this.isUp) return;
    this.process?.child.kill('SIGSTOP');
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.process?.child.kill('SIGCONT');
    this.isPaused = false;
  }

  wipe(): void {
    rmSync(join(this.folder, this.name), { recursive: true, force: true });
  }
}

export class ProcessCluster implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'etcd-torture-'));
  members: ProcessMember[] = [];
  readonly #blocked = new Set<string>();
  #made = 0;

  static async start(size: number): Promise<ProcessCluster> {
    const cluster = new ProcessCluster();
    try {
      for (let i = 0; i < size; i++) cluster.members.push(await cluster.make());
      for (const member of cluster.members) member.spawn(cluster.initialCluster, 'new');
      for (const member of cluster.members) await member.process?.untilHealthy(`http://${member.endpoint}/health`);
      await cluster.learnIds();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get initialCluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  }

  get up(): ProcessMember[] {
    return this.members.filter(({ isUp }) => isUp);
  }

  /** A place for one more; it is no member yet. */
  async make(): Promise<ProcessMember> {
    const name = `m${++this.#made}`;
    const peerPort = await freePort();
    const proxy = new PeerProxy(peerPort, this);
    const peerUrl = `http://127.0.0.1:${await proxy.listen()}`;
    return new ProcessMember(name, this.folder, await freePort(), peerPort, proxy, peerUrl);
  }

  client(members: readonly ProcessMember[] = this.members): Client {
    return new Client({ endpoints: members.map(({ endpoint }) => endpoint), dialTimeoutMs: 2000 }, osEdges);
  }

  async learnIds(): Promise<void> {
    await using client = this.client();
    const { members } = await client.cluster.list();
    for (const { ID, peerURLs } of members) {
      const member = this.members.find(({ peerUrl }) => peerURLs.includes(peerUrl));
      if (member === undefined) continue;
      member.id = ID.toString(16);
      member.proxy.memberId = member.id;
    }
  }

  /** Whom its own status says to lead. */
  async leader(): Promise<ProcessMember | undefined> {
    for (const member of this.up) {
      await using client = this.client([member]);
      const { header, leader } = await client.maintenance
        .status(member.endpoint, { timeoutMs: 1000 })
        .catch(() => ({ header: undefined, leader: 0n }));
      if (header !== undefined && leader === header.memberId) return member;
    }
    return undefined;
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}/${to}`);
  }

  block(from: ProcessMember, to: ProcessMember): void {
    this.#blocked.add(`${from.id}/${to.id}`);
    this.#update();
  }

  isolate(member: ProcessMember): void {
    for (const other of this.members) {
      if (other === member) continue;
      this.block(member, other);
      this.block(other, member);
    }
  }

  /** Some connections outlive it, some do not. */
  heal({ reset }: { readonly reset: boolean }): void {
    this.#blocked.clear();
    this.#update();
    if (reset) for (const { proxy } of this.members) proxy.reset();
  }

  #update(): void {
    for (const { proxy } of this.members) proxy.update();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) {
      await member.kill();
      await member.proxy.close();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
