/** Which of etcd's features are on. */
import { Gauge, type Registry } from 'prom-client';

export interface FeatureState {
  readonly name: string;
  readonly stage: string;
  readonly enabled: boolean;
}

export function addFeatures(registry: Registry, features: readonly FeatureState[]): void {
  const gauge = new Gauge({
    name: 'etcd_server_feature_enabled',
    help: 'Whether or not a feature is enabled. 1 is enabled, 0 is not.',
    labelNames: ['name', 'stage'],
    registers: [registry],
  });
  for (const { name, stage, enabled } of features) gauge.set({ name, stage }, enabled ? 1 : 0);
}
