/** Work that pauses for others, done without a pause; what it comes to. */
export function atOneGo<T>(steps: Iterator<unknown, T>): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}
