/** How the parts of a member are put together: each is given what it needs of the others, and nothing is started. */
import type { Bootstrapped } from './bootstrap/types.js';
import { type Life, wireCore } from './wiring-core.js';
import { wireServices } from './wiring-services.js';
import type { MemberConfig, MemberWorld } from './world/types.js';

export type Wired = ReturnType<typeof wire>;

export function wire(config: MemberConfig, world: MemberWorld, parts: Bootstrapped, life: Life) {
  const core = wireCore(config, world, parts, life);
  return { ...core, ...wireServices(config, world, parts, core) };
}
