import type { Clock } from './clock.js';

/** Work that pauses for others, done without a pause; what it comes to. */
export function atOneGo<T>(steps: Iterator<unknown, T>): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** So long others wait for their turn. */
const SLICE_MS = 5;

/** The same with turns for others; at once where it takes no longer than one. */
export function inTurns<T>(steps: Iterator<unknown, T>, clock: Pick<Clock, 'monotonicMs' | 'soon'>): T | Promise<T> {
  const slice = (): IteratorResult<unknown, T> => {
    const untilMs = clock.monotonicMs() + SLICE_MS;
    for (;;) {
      const step = steps.next();
      if (step.done === true || clock.monotonicMs() >= untilMs) return step;
    }
  };
  const first = slice();
  if (first.done === true) return first.value;
  return new Promise((resolve, reject) => {
    const goOn = (): void => {
      try {
        const step = slice();
        if (step.done === true) resolve(step.value);
        else clock.soon(goOn);
      } catch (cause) {
        reject(cause);
      }
    };
    clock.soon(goOn);
  });
}
