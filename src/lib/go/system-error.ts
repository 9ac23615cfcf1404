/**
 * What the operating system refused, in Go's words: `open /x: no such file or directory`.
 * https://pkg.go.dev/io/fs#PathError
 */

const texts: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ECONNABORTED: 'software caused connection abort',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EEXIST: 'file exists',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENETUNREACH: 'network is unreachable',
  ENOMEM: 'cannot allocate memory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EROFS: 'read-only file system',
  ETIMEDOUT: 'connection timed out',
  ETXTBSY: 'text file busy',
};

/** The text for an error number's name; the name itself when it is none of the usual ones. */
export const systemErrorText = (code: string): string => texts[code] ?? code;

/** The message of a Node system error as Go would word it for `action` on `path`. */
export function pathErrorText(action: string, path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const reason = code === undefined ? (error instanceof Error ? error.message : String(error)) : systemErrorText(code);
  return `${action} ${path}: ${reason}`;
}

/** The same error, its message as Go would word it; everything else of it stays as it is. */
export function inGoWords<T>(error: T, action: string, path: string): T {
  if (error instanceof Error && 'code' in error) error.message = pathErrorText(action, path, error);
  return error;
}
