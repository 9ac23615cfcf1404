/** SIGINT and SIGTERM as an AbortSignal: for programs that have something to put in order before they end. */

type StopSignal = 'SIGINT' | 'SIGTERM';

/** Until `dispose`, the signals abort `signal` instead of ending the process. */
export function stopSignals(
  names: readonly StopSignal[] = ['SIGINT', 'SIGTERM'],
): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, stop);
    },
  };
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
