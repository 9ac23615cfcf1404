/**
 * A member's options: the checked outcome of command line, environment and configuration file, for
 * `start/` to build a member from. Every default is filled in; nothing further in reads a flag or a variable. Names
 * follow etcd's flags; units stand last.
 */

import type { CapnslogLetter } from '../lib/go/capnslog.js';
import type { TlsOptions } from '../lib/tls.js';
import type { MemberConfig } from '../member/world/types.js';
import type { Features, featureStates } from './feature-gates.js';
import type { ListenUrl } from './listen-url.js';
import type { V2Stage } from './v2-stage.js';

export type { ListenUrl } from './listen-url.js';

/** Times of 0 mean "any". */
export interface V2ProxyOptions {
  readonly mode: 'off' | 'readonly' | 'on';
  readonly failureWaitMs: number;
  readonly refreshIntervalMs: number;
  readonly dialTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly readTimeoutMs: number;
}

/** What the member is, and the ports it is served on. */
export interface MemberOptions extends MemberConfig {
  readonly listenClientUrls: readonly ListenUrl[];
  /**
   * Addresses that speak only HTTP (gateway, v2, health), so that `listenClientUrls` speaks only gRPC; empty = one port
   * for both.
   */
  readonly listenClientHttpUrls: readonly ListenUrl[];
  readonly listenPeerUrls: readonly ListenUrl[];
  readonly listenMetricsUrls: readonly ListenUrl[];
  readonly discovery: DiscoveryOptions;
  readonly clientTls: TlsOptions;
  readonly peerTls: TlsOptions;
  /** How long a certificate holds that a member makes for itself. */
  readonly selfSignedCertValidityYears: number;
  /** Whether /v2 is served. */
  readonly enableV2: boolean;
  /** As given; versions that have gone further have one stage of their own. */
  readonly v2Stage: V2Stage;
  /** Below which v3 keys those of /v2 lie; empty: they are in a store of their own. */
  readonly v2OverV3Prefix: string;
  /** Origins whose pages may call; `*` = any, empty = any too, as in etcd. */
  readonly cors: readonly string[];
  /** Whether to be a proxy of the v2 API instead of a member, and how. */
  readonly v2Proxy: V2ProxyOptions;
  /** Host names by which plain HTTP may call this member; `*` = any, empty = any too, as in etcd. */
  readonly hostWhitelist: readonly string[];

  readonly maxConcurrentStreams: number;
  /** Whether the API is served as JSON, too. */
  readonly enableGrpcGateway: boolean;
  readonly grpcKeepaliveMinTimeMs: number;
  readonly grpcKeepaliveIntervalMs: number;
  readonly grpcKeepaliveTimeoutMs: number;

  /** `simple`, or `jwt` with where its keys are: see `auth/token-options.ts`. */
  readonly authToken: string;
  /** How long a simple token lives after its last use; 0 = 300. */
  readonly authTokenTtlSeconds: number;
  /** `--auto-compaction-mode` as given, also where there is nothing to compact. */
  readonly autoCompactionMode: string;
  /** How often hashes of compactions would be compared, also where they are not. */
  readonly compactHashCheckTimeMs: number;
  /** A start defragments a database that it would free so much of; 0 = never. */
  readonly bootstrapDefragThresholdMegabytes: number;
  /** Skips fsync: for tests only, a crash then loses what was acknowledged. */
  readonly unsafeNoFsync: boolean;
  /** The database's file stays in memory as a whole. */
  readonly memoryMlock: boolean;

  /** What `--feature-gates` and older switches turn on. */
  readonly features: Features;
  /** The same and those of whole stages, to be told. */
  readonly featureStates: ReturnType<typeof featureStates>;
  readonly metrics: 'basic' | 'extensive';
  /** Whether profiles are served; with the log at debug they are anyway. */
  readonly enablePprof: boolean;
  readonly distributedTracing: DistributedTracingOptions | undefined;
  /** A peer that is silent, or takes nothing, for so long is taken for gone. */
  readonly raftReadTimeoutMs: number;
  readonly raftWriteTimeoutMs: number;
  /** Other processes may listen on the same ports. */
  readonly socketReusePort: boolean;
  readonly log: LogOptions;
}

/** How the members of a new cluster find each other. */
export type DiscoveryOptions =
  | { readonly t: 'none' }
  /** A token's URL in v2 keys; `proxy` is an HTTP proxy's address or `''`. */
  | { readonly t: 'v2'; readonly url: string; readonly proxy: string; readonly fallback: 'exit' | 'proxy' }
  /** SRV records of `domain`; `serviceSuffix` may be `''`. */
  | { readonly t: 'srv'; readonly domain: string; readonly serviceSuffix: string }
  | V3DiscoveryOptions;

/** A token in another cluster's v3 keys. */
export interface V3DiscoveryOptions {
  readonly t: 'v3';
  readonly token: string;
  readonly endpoints: readonly string[];
  readonly dialTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** In clear where neither a certificate nor an authority is given. */
  readonly insecureTransport: boolean;
  readonly tls: TlsOptions;
  readonly username: string;
  readonly password: string;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'panic' | 'fatal';

export type LogOptions = ZapLogOptions | CapnslogOptions;

/** The log of 3.4 where zap's is not asked for. */
export interface CapnslogOptions {
  readonly format: 'capnslog';
  readonly level: LogLevel;
  /** Levels of single packages, `*` for all others. */
  readonly packageLetters: ReadonlyMap<string, CapnslogLetter>;
  readonly output: 'stderr' | 'stdout';
  /** Whether lines tell where they come from. */
  readonly showsPlaces: boolean;
}

export interface ZapLogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'console';
  /** `stderr`, `stdout`, or a file's path; `default` has become `stderr`. Never empty. */
  readonly outputs: readonly string[];
  /** The one file among the outputs is put aside when it gets too large. */
  readonly rotation?: LogRotation | undefined;
}

/** 0 = no bound, but for the size: 100 megabytes. */
export interface LogRotation {
  readonly maxSizeMegabytes: number;
  readonly maxAgeDays: number;
  readonly maxBackups: number;
  readonly localTime: boolean;
  readonly compress: boolean;
}

/** Where spans of calls go, and how many of them. */
export interface DistributedTracingOptions {
  readonly address: string;
  readonly serviceName: string;
  readonly instanceId: string;
  /** Of calls whose callers have not decided it themselves. */
  readonly samplesPerMillion: number;
}
