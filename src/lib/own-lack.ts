/**
 * A connection that could not be made because this process, or this machine, has no more of what one takes says nothing
 * about the other end.
 */
const codes: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

export function isOwnLack(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if ('code' in at && codes.has(at.code)) return true;
  return false;
}
