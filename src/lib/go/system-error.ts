/**
 * What the operating system refused, in Go's words: `open /x: no such file or directory`.
 * https://pkg.go.dev/io/fs#PathError
 */

const texts: Readonly<Record<string, string>> = {
  E2BIG: 'argument list too long',
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EAFNOSUPPORT: 'address family not supported by protocol',
  EAGAIN: 'resource temporarily unavailable',
  EBADF: 'bad file descriptor',
  EBUSY: 'device or resource busy',
  ECONNABORTED: 'software caused connection abort',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file exists',
  EFAULT: 'bad address',
  EFBIG: 'file too large',
  EHOSTDOWN: 'host is down',
  EHOSTUNREACH: 'no route to host',
  EINTR: 'interrupted system call',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  EMLINK: 'too many links',
  EMSGSIZE: 'message too long',
  ENAMETOOLONG: 'file name too long',
  ENETDOWN: 'network is down',
  ENETRESET: 'network dropped connection on reset',
  ENETUNREACH: 'network is unreachable',
  ENFILE: 'too many open files in system',
  ENOBUFS: 'no buffer space available',
  ENODEV: 'no such device',
  ENOENT: 'no such file or directory',
  ENOLCK: 'no locks available',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  ENOSYS: 'function not implemented',
  ENOTCONN: 'transport endpoint is not connected',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENOTSOCK: 'socket operation on non-socket',
  ENOTSUP: 'operation not supported',
  ENOTTY: 'inappropriate ioctl for device',
  ENXIO: 'no such device or address',
  EOPNOTSUPP: 'operation not supported',
  EOVERFLOW: 'value too large for defined data type',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EPROTO: 'protocol error',
  EPROTOTYPE: 'protocol wrong type for socket',
  EPROTONOSUPPORT: 'protocol not supported',
  EREMOTEIO: 'remote I/O error',
  EROFS: 'read-only file system',
  ESPIPE: 'illegal seek',
  ESTALE: 'stale file handle',
  ETIMEDOUT: 'connection timed out',
  ETXTBSY: 'text file busy',
  EUCLEAN: 'structure needs cleaning',
  EXDEV: 'invalid cross-device link',
};

/** The text for an error number's name; the name itself when no file or socket fails with it. */
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
