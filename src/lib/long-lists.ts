/**
 * For lists that may be as long as a peer likes: spread into arguments (`push(...list)`), each element takes up stack,
 * and the process ends.
 */

export function appendAll<T>(list: T[], more: Iterable<T>): void {
  for (const each of more) list.push(each);
}

/** The largest of `numbers` and `atLeast`. */
export function largest(atLeast: number, numbers: Iterable<number>): number {
  let found = atLeast;
  for (const number of numbers) if (number > found) found = number;
  return found;
}
