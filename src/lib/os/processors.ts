/** How many processors there are, and how many of them this process may use. */
import { availableParallelism, cpus } from 'node:os';

export const processors = (): { readonly available: number; readonly usable: number } => ({
  available: cpus().length,
  usable: availableParallelism(),
});

/** As Go names system and architecture. */
export const goPlatform = (): { readonly os: string; readonly arch: string } => ({
  os: process.platform,
  arch: process.arch === 'x64' ? 'amd64' : process.arch,
});
