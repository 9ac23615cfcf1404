/**
 * Two byte streams joined into one, both ways. Each direction ends by itself (a half-close travels on, so an answer to
 * a finished request still comes back), a slow reader stops the writer at the other end, and what breaks one side
 * breaks the other.
 */
import type { Duplex } from 'node:stream';

/**
 * Both streams are owned by the joint from here on. Resolves when both have closed. They must be half-open, or the
 * first end closes both directions.
 */
export async function join(a: Duplex, b: Duplex): Promise<void> {
  a.pipe(b);
  b.pipe(a);
  await Promise.all([closing(a, b), closing(b, a)]);
}

function closing(one: Duplex, other: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const onClose = (): void => {
      if (!one.readableEnded || !one.writableFinished) breakOff(other);
      resolve();
    };
    if (one.closed) onClose();
    else one.once('close', onClose);
    // The close that follows says all there is to say.
    one.on('error', () => {});
  });
}

/**
 * Whoever is at the other end must not take what it got for the whole: it learns of a reset, where there are such.
 * `etcd-diff:` etcd ends it in order.
 */
function breakOff(stream: Duplex & { resetAndDestroy?(): unknown }): void {
  if (stream.resetAndDestroy === undefined) stream.destroy();
  else stream.resetAndDestroy();
}
