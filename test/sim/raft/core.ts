/**
 * What the simulation takes of the consensus core. It is handed in, so that a mutant of the core can take its place
 * (`test/sim/mutants`).
 */
import { MemoryStorage } from '../../../src/raft/log/memory-storage.js';
import { RawNode } from '../../../src/raft/rawnode.js';

export interface Core {
  readonly RawNode: typeof RawNode;
  readonly MemoryStorage: typeof MemoryStorage;
}

export const core: Core = { RawNode, MemoryStorage };
