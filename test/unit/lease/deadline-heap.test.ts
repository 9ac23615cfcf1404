import { expect, test } from 'vitest';
import { DeadlineHeap } from '../../../src/lease/deadline-heap.js';

/** The ids, from the one due first. */
function drained(heap: DeadlineHeap): number[] {
  const ids: number[] = [];
  for (let first = heap.first(); first !== undefined; first = heap.first()) {
    ids.push(Number(first.id));
    heap.delete(first.id);
  }
  return ids;
}

function heapOf(...times: readonly number[]): DeadlineHeap {
  const heap = new DeadlineHeap();
  for (const [at, atMs] of times.entries()) heap.set(BigInt(at), atMs);
  return heap;
}

test('whatever order leases come in, the one due first goes first', () => {
  expect(drained(heapOf(50, 40, 30, 20, 10))).toEqual([4, 3, 2, 1, 0]);
  expect(drained(heapOf(10, 20, 30, 40, 50))).toEqual([0, 1, 2, 3, 4]);
  expect(drained(heapOf(30, 10, 50, 20, 40))).toEqual([1, 3, 0, 4, 2]);
});

test('a lease that is moved forward rises past all that are due later', () => {
  const heap = heapOf(10, 20, 30, 40, 50, 60, 70);
  heap.set(6n, 5);
  expect(heap.first()).toEqual({ id: 6n, atMs: 5 });
  heap.set(5n, 15);
  expect(drained(heap)).toEqual([6, 0, 5, 1, 2, 3, 4]);
});

test('a lease that is put off sinks below all that are due before it', () => {
  const heap = heapOf(10, 20, 30, 40, 50, 60, 70);
  heap.set(0n, 55);
  expect(drained(heap)).toEqual([1, 2, 3, 4, 0, 5, 6]);
});

test('whatever takes the place of one that is removed finds its own, upwards too', () => {
  // The last entry (25) takes the place of 50, whose parent is due later than it.
  const heap = heapOf(10, 40, 20, 50, 60, 21, 22, 70, 80, 90, 91, 23, 24, 25);
  heap.delete(3n);
  expect(drained(heap)).toEqual([0, 2, 5, 6, 11, 12, 13, 1, 4, 7, 8, 9, 10]);
});
