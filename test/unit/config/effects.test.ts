/** An option that is taken has its effect: it changes what a member is built from, and what is built reads that. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { kinds } from '../../../src/config/option.js';
import { options } from '../../../src/config/options.js';
import { memberOptions } from '../../support/member-options.js';

const v3 = ['--emulate-version=3.6', '--discovery-token=t', '--discovery-endpoints=http://127.0.0.1:1'];
const tracing = ['--enable-distributed-tracing'];

/** What has to go with an option to be looked at, and values where not just any will do. */
const given: Readonly<Record<string, readonly string[]>> = {
  'listen-client-urls': ['--listen-client-urls=http://127.0.0.1:1', '--advertise-client-urls=http://a:1'],
  'initial-advertise-peer-urls': [
    '--initial-advertise-peer-urls=http://127.0.0.1:1',
    '--initial-cluster=default=http://127.0.0.1:1',
  ],
  'initial-cluster': ['--initial-cluster=default=http://localhost:2380,b=http://127.0.0.1:1'],
  'initial-cluster-state': ['--initial-cluster-state=existing'],
  discovery: ['--discovery=http://127.0.0.1:1/token'],
  'auto-compaction-mode': ['--auto-compaction-mode=revision', '--auto-compaction-retention=5'],
  'auto-compaction-retention': ['--auto-compaction-retention=5'],
  'cipher-suites': ['--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
  'tls-min-version': ['--tls-min-version=TLS1.3'],
  'tls-max-version': ['--tls-max-version=TLS1.2'],
  'v2-deprecation': ['--v2-deprecation=write-only'],
  proxy: ['--proxy=readonly'],
  logger: ['--emulate-version=3.4', '--logger=zap'],
  'log-package-levels': ['--emulate-version=3.4', '--log-package-levels=raft=DEBUG'],
  'log-level': ['--log-level=debug'],
  'log-format': ['--log-format=console'],
  'log-outputs': ['--log-outputs=stdout'],
  'log-rotation-config-json': [
    '--enable-log-rotation',
    '--log-outputs=/x/log',
    '--log-rotation-config-json={"maxsize": 5}',
  ],
  'enable-log-rotation': ['--enable-log-rotation', '--log-outputs=/x/log'],
  metrics: ['--metrics=extensive'],
  'feature-gates': ['--feature-gates=InitialCorruptCheck=true'],
  'emulate-version': ['--emulate-version=3.6'],
  'raft-read-timeout': ['--raft-read-timeout=9s'],
  'raft-write-timeout': ['--raft-write-timeout=9s'],
  'auth-token': ['--auth-token=jwt,sign-method=HS256,priv-key=/x'],
  cors: ['--cors=http://a:1'],
  'election-timeout': ['--election-timeout=777'],
  'discovery-insecure-transport': [...v3, '--discovery-insecure-transport=false'],
};
const beside: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    Object.keys(options)
      .filter((name) => /^discovery-(?!fallback|proxy|srv)/.test(name))
      .map((name) => [name, v3]),
  ),
  ...Object.fromEntries(
    Object.keys(options)
      .filter((name) => name.includes('distributed-tracing-'))
      .map((name) => [name, tracing]),
  ),
  'discovery-password': [...v3, '--discovery-user=u'],
  'experimental-enable-lease-checkpoint-persist': ['--experimental-enable-lease-checkpoint'],
  'discovery-fallback': ['--discovery=http://127.0.0.1:1/token'],
  'discovery-proxy': ['--discovery=http://127.0.0.1:1/token'],
  'discovery-srv-name': ['--discovery-srv=example.com'],
  'log-rotation-config-json': ['--enable-log-rotation', '--log-outputs=/x/log'],
  'next-cluster-version-compatible': ['--emulate-version=3.4'],
  logger: ['--emulate-version=3.4'],
  'log-package-levels': ['--emulate-version=3.4'],
};
/** Those that cannot change what is built, and why. */
const without: Readonly<Record<string, string>> = {
  'config-file': 'it is where the others come from',
  version: 'it is printed instead',
  debug: 'of 3.4 alone; it is the level of the log there',
  'log-output': 'of 3.4 alone, which speaks of it',
  'backend-bbolt-freelist-type': 'both kinds of list hold the same pages; another kind is refused',
  'experimental-backend-bbolt-freelist-type': 'its older name',
  'experimental-txn-mode-write-with-shared-buffer': 'no reader waits for a buffer to be copied, shared or not',
  'socket-reuse-address': 'Node always sets it',
};

const sources = fileURLToPath(new URL('../../../src', import.meta.url));

function flagsOf(name: string): readonly string[] {
  const special = given[name];
  if (special !== undefined) return special;
  const { kind, initial } = options[name as keyof typeof options];
  const other =
    typeof initial === 'boolean'
      ? String(!initial)
      : kind === kinds.durationMs
        ? '7s'
        : typeof initial === 'number'
          ? '7'
          : kind === kinds.urls
            ? 'http://127.0.0.1:1'
            : 'exit';
  return [...(beside[name] ?? []), `--${name}=${other}`];
}

const built = (flags: readonly string[]): string => inspect(memberOptions(flags), { depth: 10, sorted: true });

describe('an option', () => {
  it.each(Object.keys(options).filter((name) => without[name] === undefined))('--%s changes what is built', (name) => {
    expect(built(flagsOf(name))).not.toBe(built(beside[name] ?? []));
  });

  it('that changes nothing is known to', () => {
    const [idle, others] = [Object.keys(without), Object.keys(options)];
    expect(idle.filter((name) => !others.includes(name))).toEqual([]);
  });
});

describe('what is built from options', () => {
  it('is read by the parts of a member, each field of it', () => {
    const read = readdirSync(sources, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith('config/'))
      .map((path) => readFileSync(join(sources, path), 'utf8'))
      .join('\n');
    // Feature gates are fields of their own, too.
    const { features: _, ...others } = memberOptions(['--discovery-srv=example.com']);
    const fields = Object.entries(others).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
        ? Object.keys(value)
        : [name],
    );
    // Taken out of an object, under another name too; not where a type names it.
    const isRead = (field: string): boolean =>
      new RegExp(`\\.${field}\\b|[{,]\\s*${field}\\b(?!\\?:|: (?:string|number|boolean|readonly))`).test(read);
    expect(fields.filter((field) => !isRead(field))).toEqual([]);
  });
});
