import { type Features, featuresOf, parseFeatureGates } from './feature-gates.js';
import type { Values } from './options.js';

/** Switches from before there were feature gates count as well. */
export function featuresIn(values: Values): Features {
  const gates = featuresOf(parseFeatureGates(values['feature-gates']));
  return {
    ...gates,
    InitialCorruptCheck: gates.InitialCorruptCheck || values['experimental-initial-corrupt-check'],
    CompactHashCheck: gates.CompactHashCheck || values['experimental-compact-hash-check-enabled'],
    LeaseCheckpoint: gates.LeaseCheckpoint || values['experimental-enable-lease-checkpoint'],
    LeaseCheckpointPersist: gates.LeaseCheckpointPersist || values['experimental-enable-lease-checkpoint-persist'],
    StopGRPCServiceOnDefrag: gates.StopGRPCServiceOnDefrag || values['experimental-stop-grpc-service-on-defrag'],
  };
}
