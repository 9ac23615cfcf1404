/**
 * `--feature-gates A=true,B=false`: which of etcd's features are on. Some are older switches under a new name, some are
 * always as they are here. Texts: etcd's pkg/featuregate/feature_gate.go.
 */
import { parseBool } from '../lib/go/number.js';
import type { Kind } from './option.js';
import { kinds } from './option.js';

export interface FeatureGate {
  readonly stage: 'ALPHA' | 'BETA';
  readonly initial: boolean;
}

const featureGates = {
  CompactHashCheck: { stage: 'ALPHA', initial: false },
  FastLeaseKeepAlive: { stage: 'BETA', initial: true },
  InitialCorruptCheck: { stage: 'ALPHA', initial: false },
  LeaseCheckpoint: { stage: 'ALPHA', initial: false },
  LeaseCheckpointPersist: { stage: 'ALPHA', initial: false },
  PriorityRequest: { stage: 'ALPHA', initial: false },
  SetMemberLocalAddr: { stage: 'ALPHA', initial: false },
  StopGRPCServiceOnDefrag: { stage: 'ALPHA', initial: false },
  TxnModeWriteWithSharedBuffer: { stage: 'BETA', initial: true },
} as const satisfies Readonly<Record<string, FeatureGate>>;

export type FeatureName = keyof typeof featureGates;
export type Features = Readonly<Record<FeatureName, boolean>>;

const isFeature = (name: string): name is FeatureName => Object.hasOwn(featureGates, name);

const names = Object.keys(featureGates).filter(isFeature);

/** Both flip every gate of their stage that is not set by its own name. */
const metaGates: Readonly<Record<string, FeatureGate['stage']>> = { AllAlpha: 'ALPHA', AllBeta: 'BETA' };

/** By name, in the order they were given; the last of a name wins. Throws an Error in etcd's words. */
export function parseFeatureGates(text: string): ReadonlyMap<string, boolean> {
  const set = new Map<string, boolean>();
  for (const item of text.split(',').filter((each) => each !== '')) {
    const equals = item.indexOf('=');
    const name = (equals < 0 ? item : item.slice(0, equals)).trim();
    if (equals < 0) throw new Error(`missing bool value for ${name}`);
    const value = item.slice(equals + 1).trim();
    if (!isFeature(name) && !Object.hasOwn(metaGates, name)) throw new Error(`unrecognized feature gate: ${name}`);
    try {
      set.set(name, parseBool(value));
    } catch (cause) {
      throw new Error(`invalid value of ${name}=${value}, err: ${(cause as Error).message}`, { cause });
    }
  }
  return set;
}

export function featuresOf(set: ReadonlyMap<string, boolean>): Features {
  const entries = names.map((name) => {
    const { stage, initial } = featureGates[name];
    const meta = Object.keys(metaGates).find((each) => metaGates[each] === stage && set.has(each));
    return [name, set.get(name) ?? (meta === undefined ? undefined : set.get(meta)) ?? initial] as const;
  });
  return Object.fromEntries(entries) as Features;
}

/** All gates by name, those of whole stages first, which are on only where they were named. */
export function featureStates(features: Features, set: ReadonlyMap<string, boolean>) {
  const stages = Object.entries(metaGates).map(([name, stage]) => ({ name, stage, enabled: set.get(name) ?? false }));
  return [...stages, ...names.map((name) => ({ name, stage: featureGates[name].stage, enabled: features[name] }))];
}

export const gatesKind: Kind<string> = {
  ...kinds.string,
  parse: (text) => {
    parseFeatureGates(text);
    return text;
  },
  fromFile: (value) => {
    const text = kinds.string.fromFile(value);
    parseFeatureGates(text);
    return text;
  },
};
