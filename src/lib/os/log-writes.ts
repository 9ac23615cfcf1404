/** Writes of a log's lines to a file descriptor, each done before the next step is taken. */
import { writeSync } from 'node:fs';

/**
 * How often to try a pipe that is full and does not block; then the rest of the record is dropped rather than the
 * member held up for ever.
 */
const MAX_TRIES = 1000;

export function writeAll(fd: number, line: string): void {
  let rest: Uint8Array = Buffer.from(line);
  for (let tries = 0; rest.length > 0 && tries < MAX_TRIES; tries++) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // The disk is full, or nobody reads: a log that cannot be written must not end the member (`etcd-diff:` Go's
      // runtime ends etcd by SIGPIPE).
      if (code !== 'EAGAIN') return;
    }
  }
}
