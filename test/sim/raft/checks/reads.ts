/**
 * Linearizable reads (thesis §6.4). A read that a node answers at index `i` sees all up to `i`, for state machines are
 * equal there. So it is linearizable exactly if `i` is not below anything that was committed when the read began,
 * whether or not its writer had heard of it. Leases stretch "when it began" by how long a leader may not know that it
 * is none any more.
 */
import type { ReadState } from '../../../../src/raft/ready.js';
import type { Index } from '../../../../src/raftpb/types.js';
import { must } from '../violation.js';
import type { History } from './history.js';

export class Reads {
  answered = 0;
  private began = 0;
  /** What a read must see at least, by its context. */
  private readonly waiting = new Map<number, Index>();

  /** `staleness`: 0 for reads confirmed by a quorum. */
  constructor(
    private readonly history: History,
    private readonly staleness: number,
  ) {}

  /** Returns the context to ask with. */
  begin(now: number): Uint8Array {
    const context = Buffer.alloc(8);
    context.writeUInt32LE(++this.began);
    this.waiting.set(this.began, this.committedAt(now - this.staleness));
    return context;
  }

  /** A node answers. May come more than once for one read, if messages were repeated. */
  answer(id: number, { requestContext, index }: ReadState): void {
    const read = Buffer.from(requestContext).readUInt32LE(0);
    const due = this.waiting.get(read) ?? 0;
    must(
      index >= due,
      'reads are linearizable',
      () => `node ${id} answers read ${read} at ${index}, ${due} was committed before it began`,
    );
    this.answered++;
  }

  private committedAt(time: number): Index {
    const { marks, committed } = this.history;
    if (this.staleness === 0) return committed;
    let at = marks.length - 1;
    while (at >= 0 && (marks[at]?.at ?? 0) > time) at--;
    return marks[at]?.index ?? 0;
  }
}
