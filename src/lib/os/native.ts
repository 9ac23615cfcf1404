/**
 * The system calls Node has no function for: fcntl's open-file-description lock, flock, fallocate, mlock, datagrams to
 * a unix socket, shared ports, memory given back; called in libc through koffi. Loaded by the first lock taken (about
 * 9 ms), so a client command never pays for it. See docs/decisions/0101-file-locks.md.
 */
import { createRequire } from 'node:module';
import { constants as osConstants } from 'node:os';

export interface NativeCalls {
  /** Exclusive, or shared, lock without waiting; false when someone else holds it. */
  lockByDescription(fd: number, options: { shared: boolean }): boolean;
  flock(fd: number, options: { shared: boolean }): boolean;
  /** False where the file system cannot allocate ahead (or the platform has no such call). */
  fallocate(fd: number, size: number): boolean;
  /**
   * Reads `[from, size)` of a file, and keeps it in memory until the returned function is called; `from` is a multiple
   * of the system's page size. Throws the system's error.
   */
  lockPages(fd: number, range: { from: number; size: number }): () => void;
  /** libc gives freed memory back to the system, where it is one that has to be told (glibc). */
  trim(): void;
  /** What is mapped there from a file and was not changed leaves the process until it is used; nothing elsewhere. */
  forgetPages(address: number, size: number): void;
  /** Signals `[first, last]`, for which Node has no names, do nothing from now on. */
  ignoreSignals(first: number, last: number): void;
  /** To a unix socket; a path that begins with `@` is an abstract name. Throws the system's error. */
  sendDatagram(path: string, message: string): void;
  /** A descriptor that listens on an address that others may listen on as well. Throws the system's error. */
  listenShared(address: string, port: number): number;
}

/** The addon did not load, so nothing can keep a second process out. `cause` says why. */
export class NativeCallsUnavailableError extends Error {
  override readonly name = 'NativeCallsUnavailableError';
  readonly code = 'ERR_FILE_LOCKS_UNAVAILABLE';
  constructor(cause: unknown) {
    super(
      `cannot lock files on ${process.platform}-${process.arch}: the prebuilt module "koffi" did not load ` +
        `(${cause instanceof Error ? cause.message : String(cause)}); ` +
        'reinstall with optional dependencies, on a platform that koffi supports',
      { cause },
    );
  }
}

let loaded: NativeCalls | undefined;

/** Throws NativeCallsUnavailableError. */
export function nativeCalls(): NativeCalls {
  loaded ??= load();
  return loaded;
}

/** What of koffi is used. */
interface Koffi {
  load(path: string | null): { func(prototype: string): (...args: unknown[]) => number };
  errno(): number;
}

/**
 * Connections that wait to be accepted: as many as the system allows (`net.core.somaxconn`), as Go's listeners do.
 * Beyond Node's 511 the next ones would wait for a second, until they ask again.
 */
export const LISTEN_BACKLOG = 65_535;

const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const MADV_DONTNEED = 4;

function load(): NativeCalls {
  if (process.platform === 'win32') throw new NativeCallsUnavailableError(new Error('Windows locks are not supported'));
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch (cause) {
    throw new NativeCallsUnavailableError(cause);
  }
  const libc = koffi.load(null);
  const linux = process.platform === 'linux';
  const common = {
    lockPages: pageLocker(libc, koffi),
    trim: trimmer(libc),
    ignoreSignals: signalIgnorer(libc),
    sendDatagram: datagramSender(libc, koffi),
    listenShared: sharedListener(libc, koffi),
  };
  const flockCall = libc.func('int flock(int fd, int operation)');

  function flock(fd: number, { shared }: { shared: boolean }): boolean {
    if (flockCall(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true;
    return refusedOrThrow('flock', koffi.errno());
  }
  // Other systems have no such lock; real etcd takes flock there for the WAL as well.
  if (!linux) return { ...common, lockByDescription: flock, flock, fallocate: () => false, forgetPages() {} };

  // struct flock as 64-bit Linux lays it out; on 32-bit ARM and x86 the call with 64-bit offsets has a name of its own,
  // and the same layout up to padding: all other fields are zero (whole file, from its start).
  const wide = process.arch !== 'arm' && process.arch !== 'ia32';
  const suffix = wide ? '' : '64';
  const fcntl = libc.func(`int fcntl${suffix}(int fd, int command, uint8_t *lock)`);
  const advise = libc.func('int madvise(intptr_t address, size_t size, int advice)');
  const fallocateCall = libc.func(`int fallocate${suffix}(int fd, int mode, int64_t offset, int64_t size)`);
  return {
    ...common,
    flock,
    forgetPages(address, size) {
      advise(address, size, MADV_DONTNEED);
    },
    lockByDescription(fd, { shared }) {
      const lock = new Uint8Array(32);
      new DataView(lock.buffer).setInt16(0, shared ? F_RDLCK : F_WRLCK, true);
      if (fcntl(fd, F_OFD_SETLK, lock) === 0) return true;
      return refusedOrThrow('fcntl', koffi.errno());
    },
    fallocate(fd, size) {
      const { EINTR, EOPNOTSUPP, ENOSYS } = osConstants.errno;
      while (fallocateCall(fd, 0, 0, size) !== 0) {
        const errno = koffi.errno();
        if (errno === EINTR) continue;
        if (errno === EOPNOTSUPP || errno === ENOSYS) return false;
        throw systemError('fallocate', errno);
      }
      return true;
    },
  };
}

function trimmer(libc: ReturnType<Koffi['load']>): NativeCalls['trim'] {
  let call: ((...args: unknown[]) => number) | undefined;
  try {
    call = libc.func('int malloc_trim(size_t keep)');
  } catch {
    // Another libc.
  }
  return () => {
    call?.(0);
  };
}

const SIG_IGN = 1;

function signalIgnorer(libc: ReturnType<Koffi['load']>): NativeCalls['ignoreSignals'] {
  return (first, last) => {
    const signal = libc.func('intptr_t signal(int number, intptr_t action)');
    for (let number = first; number <= last; number++) signal(number, SIG_IGN);
  };
}

const PROT_READ = 1;
const MAP_SHARED = 1;

/** Through a mapping of the pages, which are the ones that reads of the file find. */
function pageLocker(libc: ReturnType<Koffi['load']>, koffi: Koffi): NativeCalls['lockPages'] {
  return (fd, { from, size }) => {
    const map = libc.func('intptr_t mmap(intptr_t address, size_t size, int access, int flags, int fd, int64_t from)');
    const lock = libc.func('int mlock(intptr_t address, size_t size)');
    const unmap = libc.func('int munmap(intptr_t address, size_t size)');
    const address = map(0, size - from, PROT_READ, MAP_SHARED, fd, from);
    if (address === -1) throw systemError('mmap', koffi.errno());
    if (lock(address, size - from) !== 0) {
      const errno = koffi.errno();
      unmap(address, size - from);
      throw systemError('mlock', errno);
    }
    return () => void unmap(address, size - from);
  };
}

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;

/** Node has an option for it from 22.12 on only. */
function sharedListener(libc: ReturnType<Koffi['load']>, koffi: Koffi): NativeCalls['listenShared'] {
  return (host, port) => {
    if (process.platform !== 'linux') throw systemError('setsockopt', osConstants.errno.ENOTSUP);
    const socketCall = libc.func('int socket(int domain, int type, int protocol)');
    const setOption = libc.func('int setsockopt(int fd, int level, int name, uint8_t *value, uint32_t size)');
    const bindCall = libc.func('int bind(int fd, uint8_t *address, uint32_t size)');
    const listenCall = libc.func('int listen(int fd, int backlog)');
    const closeCall = libc.func('int close(int fd)');
    const fd = socketCall(host.includes(':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    if (fd < 0) throw systemError('socket', koffi.errno());
    const check = (call: string, result: number): void => {
      if (result === 0) return;
      const errno = koffi.errno();
      closeCall(fd);
      throw systemError(call, errno);
    };
    const on = new Uint8Array(Uint32Array.of(1).buffer);
    for (const name of [SO_REUSEADDR, SO_REUSEPORT])
      check('setsockopt', setOption(fd, SOL_SOCKET, name, on, on.length));
    const address = socketAddress(host, port);
    check('bind', bindCall(fd, address, address.length));
    check('listen', listenCall(fd, LISTEN_BACKLOG));
    return fd;
  };
}

/** struct sockaddr_in or sockaddr_in6: family, port, (flow,) address (, scope). */
function socketAddress(host: string, port: number): Uint8Array {
  const isWide = host.includes(':');
  const bytes = Buffer.alloc(isWide ? 28 : 16);
  bytes.set(new Uint8Array(Uint16Array.of(isWide ? AF_INET6 : AF_INET).buffer));
  bytes.writeUInt16BE(port, 2);
  if (isWide) bytes.set(ipv6Bytes(host), 8);
  else bytes.set(host.split('.').map(Number), 4);
  return bytes;
}

function ipv6Bytes(host: string): Uint8Array {
  const [head = '', tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const [front, back] = [words(head), words(tail ?? '')];
  const zeros = new Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from([...front, ...zeros, ...back].flatMap((word) => [word >> 8, word & 255]));
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

function datagramSender(libc: ReturnType<Koffi['load']>, koffi: Koffi): NativeCalls['sendDatagram'] {
  const socketCall = libc.func('int socket(int domain, int type, int protocol)');
  const sendTo = libc.func(
    'intptr_t sendto(int fd, uint8_t *bytes, size_t length, int flags, uint8_t *address, uint32_t size)',
  );
  const closeCall = libc.func('int close(int fd)');
  return (path, message) => {
    const fd = socketCall(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) throw systemError('socket', koffi.errno());
    try {
      const bytes = Buffer.from(message);
      // struct sockaddr_un: the family in two bytes, then the path; an abstract name begins with a zero byte and has no
      // end of its own.
      const isAbstract = path.startsWith('@');
      const name = isAbstract ? Buffer.from(`\0${path.slice(1)}`) : Buffer.from(`${path}\0`);
      const address = Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), name]);
      if (sendTo(fd, bytes, bytes.length, 0, address, address.length) < 0) throw systemError('sendto', koffi.errno());
    } finally {
      closeCall(fd);
    }
  };
}

function refusedOrThrow(syscall: string, errno: number): false {
  const { EAGAIN, EACCES, EWOULDBLOCK } = osConstants.errno;
  if (errno === EAGAIN || errno === EACCES || errno === EWOULDBLOCK) return false;
  throw systemError(syscall, errno);
}

/** As Node's own: `code`, `errno` (negative) and `syscall` beside the message. */
function systemError(syscall: string, errno: number): NodeJS.ErrnoException {
  const code = Object.entries(osConstants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  return Object.assign(new Error(`${code}: ${syscall} failed`), { code, errno: -errno, syscall });
}
