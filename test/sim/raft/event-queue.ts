/**
 * What will happen, by time. Events of the same time happen in the order in which they were put in, so a run is the
 * same each time. Invariant: a binary heap; `heap[i]` is not later than its children `heap[2i+1]` and `heap[2i+2]`.
 */
export interface SimEvent {
  /** In units of simulated time, of which a tick has about `unitsPerTick`. */
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export const unitsPerTick = 100;

const earlier = (a: SimEvent, b: SimEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class EventQueue {
  /** Time of the event that happens now. */
  now = 0;
  private readonly heap: SimEvent[] = [];
  private count = 0;

  /** When the next event happens. */
  get nextAt(): number {
    return this.heap[0]?.at ?? this.now;
  }

  after(delay: number, run: () => void): void {
    const event: SimEvent = { at: this.now + delay, order: this.count++, run };
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as SimEvent;
      if (!earlier(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  /** Moves time on to the next event and lets it happen. Returns false when there is none. */
  step(): boolean {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return false;
    if (heap.length > 0) this.sink(last);
    this.now = first.at;
    first.run();
    return true;
  }

  /** Puts `event` at the top and lets it sink to where it belongs. */
  private sink(event: SimEvent): void {
    const { heap } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let lesser = left;
      if (right !== undefined && earlier(right, left)) {
        lesser = right;
        child++;
      }
      if (!earlier(lesser, event)) break;
      heap[at] = lesser;
      at = child;
    }
    heap[at] = event;
  }
}
