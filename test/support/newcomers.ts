/** Members whose initial cluster nobody names: they find each other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Client } from '../../src/client/client.js';
import { freePort } from './free-port.js';
import { MemberProcess } from './member-process.js';

export interface Newcomer {
  readonly program: string;
  /** Host under which it advertises itself. */
  readonly host?: string;
  /** A command before which it is put. */
  readonly wrapper?: readonly string[];
  /** Of its peer URLs. */
  readonly scheme?: 'http' | 'https';
  readonly variables?: Readonly<Record<string, string>>;
}

export class Newcomers implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'etcd-ts-discovery-'));
  readonly processes: MemberProcess[] = [];
  readonly endpoints: string[] = [];

  /** With `flags` in place of `--initial-cluster`. */
  async start(
    { program, host = '127.0.0.1', wrapper = [], scheme = 'http', variables = {} }: Newcomer,
    flags: readonly string[],
    ports?: { client: number; peer: number },
  ): Promise<MemberProcess> {
    const { client, peer } = ports ?? { client: await freePort(), peer: await freePort() };
    const name = `m${this.processes.length}`;
    const words = [
      ...['--name', name, '--data-dir', join(this.folder, name)],
      ...[
        '--listen-client-urls',
        `http://127.0.0.1:${client}`,
        '--advertise-client-urls',
        `http://127.0.0.1:${client}`,
      ],
      ...[
        '--listen-peer-urls',
        `${scheme}://127.0.0.1:${peer}`,
        '--initial-advertise-peer-urls',
        `${scheme}://${host}:${peer}`,
      ],
      ...['--logger', 'zap'],
      ...flags,
    ];
    const [file = '', ...rest] = [...wrapper, program, ...words];
    const started = new MemberProcess(file, rest, { env: variables });
    this.processes.push(started);
    this.endpoints.push(`127.0.0.1:${client}`);
    return started;
  }

  /** Resolves when all serve one cluster: what is written to one is read from each. */
  async agree(): Promise<void> {
    for (const [at, member] of this.processes.entries()) {
      await member.untilHealthy(`http://${this.endpoints[at]}/health`);
    }
    await using client = new Client({ endpoints: this.endpoints.slice(0, 1) });
    await client.kv.put('found', 'each other', { timeoutMs: 10_000 });
    for (const endpoint of this.endpoints) {
      await using one = new Client({ endpoints: [endpoint] });
      const { kvs } = await one.kv.get('found', { timeoutMs: 10_000 });
      expect(Buffer.from(kvs[0]?.value ?? []).toString()).toBe('each other');
      const { members } = await one.cluster.list({ timeoutMs: 10_000 });
      expect(members).toHaveLength(this.endpoints.length);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((member) => member.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A token of v2 discovery on a member; its URL. */
export async function v2Token(endpoint: string, size: number): Promise<string> {
  const url = `http://${endpoint}/v2/keys/_etcd/registry/token-${size}`;
  const response = await fetch(`${url}/_config/size`, {
    method: 'PUT',
    body: `value=${size}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect(response.status).toBe(201);
  return url;
}
