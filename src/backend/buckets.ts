import type { BucketName } from './types.js';

/** All buckets, in byte order of their names: the order in which hashes walk them. */
export const bucketNames = [
  'alarm',
  'auth',
  'authRoles',
  'authUsers',
  'cluster',
  'key',
  'lease',
  'members',
  'members_removed',
  'meta',
] as const satisfies readonly BucketName[];

const encoded = new Map<BucketName, Uint8Array>(bucketNames.map((name) => [name, Buffer.from(name, 'latin1')]));

/** The bucket's name as the file has it. Shared: not to be changed. */
export function bucketBytes(name: BucketName): Uint8Array {
  const bytes = encoded.get(name);
  if (bytes === undefined) throw new Error(`no such bucket name: ${name}`);
  return bytes;
}
