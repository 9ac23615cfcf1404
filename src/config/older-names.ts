/** Names that options had before: still read, and shown last. */
import type { Option } from './option.js';

/** Options that had `experimental-` before their name: both are read. */
const RENAMED = [
  'max-learners',
  'peer-skip-client-san-verification',
  'enable-distributed-tracing',
  'distributed-tracing-address',
  'distributed-tracing-service-name',
  'distributed-tracing-instance-id',
  'distributed-tracing-sampling-rate',
  'snapshot-catchup-entries',
  'compaction-batch-limit',
  'compaction-sleep-interval',
  'watch-progress-notify-interval',
  'warning-apply-duration',
  'warning-unary-request-duration',
  'corrupt-check-time',
  'compact-hash-check-time',
  'downgrade-check-time',
  'bootstrap-defrag-threshold-megabytes',
  'memory-mlock',
] as const;

type OlderName = `experimental-${(typeof RENAMED)[number]}`;

/** Keys in the configuration file of older names that are not the flags'. */
const olderFileKeys: Partial<Record<OlderName, string>> = {
  'experimental-snapshot-catchup-entries': 'experimental-snapshot-catch-up-entries',
};

/** The rows of the older names: what the newer ones' say, but for help. */
export const olderRows = (
  newer: Readonly<Record<(typeof RENAMED)[number], Option<unknown>>>,
): Record<OlderName, Option<unknown>> =>
  Object.fromEntries(
    RENAMED.map((name): [OlderName, Option<unknown>] => {
      const { kind, initial } = newer[name];
      const olderName = `experimental-${name}` as const;
      const fileKey = olderFileKeys[olderName];
      const row = { kind, initial, section: 'older' as const, help: `Now --${name}.`, olderNameOf: name };
      return [olderName, fileKey === undefined ? row : { ...row, fileKey }];
    }),
  ) as Record<OlderName, Option<unknown>>;

/** Value-less words that old etcd knew; still swallowed. */
export const legacyFlags: readonly string[] = [
  'cluster-active-size',
  'cluster-remove-delay',
  'cluster-sync-interval',
  'config',
  'force',
  'max-result-buffer',
  'max-retry-attempts',
  'peer-heartbeat-interval',
  'peer-election-timeout',
  'retry-interval',
  'snapshot',
  'v',
  'vv',
  'test.coverprofile',
  'test.outputdir',
];
