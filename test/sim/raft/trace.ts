/** The last events of a run, kept as they are and turned into text only when someone wants to read them. */
import { describeMessage } from '../../../src/raftpb/describe.js';
import type { Message } from '../../../src/raftpb/types.js';

export interface TraceLine {
  step: number;
  at: number;
  /** 0: the world. */
  node: number;
  what: string;
  message: Message | undefined;
}

const describe = ({ step, at, node, what, message }: TraceLine): string => {
  const who = node === 0 ? 'world' : `n${node}`;
  const text = message === undefined ? what : `${what} ${describeMessage(message)}`;
  return `${String(step).padStart(7)} t=${String(at).padEnd(8)} ${who.padEnd(5)} ${text}`;
};

export class Trace {
  /** Set by the simulation before each event. */
  step = 0;
  at = 0;
  private readonly ring: TraceLine[] = [];
  private next = 0;

  /** `sink` gets every line at once; it makes a run slow. */
  constructor(
    private readonly capacity: number,
    private readonly sink?: (line: string) => void,
  ) {}

  note(node: number, what: string, message?: Message): void {
    const line: TraceLine = { step: this.step, at: this.at, node, what, message };
    this.ring[this.next] = line;
    this.next = (this.next + 1) % this.capacity;
    this.sink?.(describe(line));
  }

  /** Oldest first. */
  lines(): string[] {
    return [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)].map(describe);
  }
}
