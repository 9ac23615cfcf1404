/**
 * Whoever waits for an answer: an `AbortSignal`, or a call that is asked instead of listened to, since a signal for
 * each would cost more than most answers do. Work in steps asks before each of them whether anybody still waits.
 */
export interface Caller {
  /** Cancelled, out of time, or disconnected: nobody will see the answer. */
  readonly aborted: boolean;
}

/** Ends work that nobody waits for any more; nobody hears it either. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
  readonly code = 'ERR_ABANDONED';
}

export function checkWanted(caller: Caller | undefined): void {
  if (caller?.aborted === true) throw new AbandonedError('the caller is gone');
}
