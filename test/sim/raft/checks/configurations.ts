/**
 * The configurations the group went through, by the index that brought them.
 *
 * Rules checked (thesis §4.1, §4.3):
 * - All nodes that applied an index are in the same configuration then.
 * - Changes come one at a time: no change is put into a log before the one before it is committed.
 * - Nobody campaigns in a configuration that he knows to be replaced.
 * - Each change is a simple one, an entry into or a leave of a joint configuration, and its quorums overlap with those
 *   before.
 */
import {
  type ConfState,
  type Entry,
  type Index,
  type Message,
  MessageType,
  type NodeId,
} from '../../../../src/raftpb/types.js';
import type { LogCopy } from '../log-copy.js';
import { must, Violation } from '../violation.js';
import { isConfChange } from './history.js';
import type { BeforeReady, Observed } from './observed.js';
import { quorumsOverlap } from './quorum.js';

export interface Configuration {
  readonly index: Index;
  readonly conf: ConfState;
  readonly text: string;
}

export const isJoint = (conf: ConfState): boolean => conf.votersOutgoing.length > 0;

const list = (ids: readonly NodeId[]): string =>
  [...ids]
    .map(Number)
    .sort((a, b) => a - b)
    .join(' ');

export function describeConf(conf: ConfState): string {
  let text = `(${list(conf.voters)})`;
  if (isJoint(conf)) text += `&&(${list(conf.votersOutgoing)})`;
  if (conf.learners.length > 0) text += ` learners (${list(conf.learners)})`;
  if (conf.learnersNext.length > 0) text += ` next (${list(conf.learnersNext)})`;
  return conf.autoLeave ? `${text} autoleave` : text;
}

export class Configurations {
  private readonly all: Configuration[];

  constructor(genesis: { readonly index: Index; readonly conf: ConfState }) {
    this.all = [{ ...genesis, text: describeConf(genesis.conf) }];
  }

  get latest(): Configuration {
    return this.all[this.all.length - 1] as Configuration;
  }

  get count(): number {
    return this.all.length - 1;
  }

  /** The configuration in force once `index` is applied; undefined while the group itself is being made. */
  private at(index: Index): Configuration | undefined {
    for (let at = this.all.length - 1; at >= 0; at--) {
      const each = this.all[at];
      if (each !== undefined && each.index <= index) return each;
    }
    return undefined;
  }

  /** The node applied the change at `index` and is in `conf` now. */
  applied(id: number, index: Index, conf: ConfState): void {
    const text = describeConf(conf);
    const { latest } = this;
    if (index > latest.index && text !== latest.text) {
      this.checkTransition(id, latest.conf, conf);
      this.all.push({ index, conf, text });
      return;
    }
    this.restored(id, index, conf);
  }

  /** The node took a snapshot of `index` and is in `conf` now. */
  restored(id: number, index: Index, conf: ConfState): void {
    const known = this.at(index);
    if (known === undefined) return;
    const text = describeConf(conf);
    must(
      known.text === text,
      'configurations are equal',
      () => `node ${id} at ${index} is in ${text} instead of ${known.text}`,
    );
  }

  private checkTransition(id: number, from: ConfState, to: ConfState): void {
    const detail = (): string => `node ${id} went from ${describeConf(from)} to ${describeConf(to)}`;
    const differing =
      to.voters.filter((each) => !from.voters.includes(each)).length +
      from.voters.filter((each) => !to.voters.includes(each)).length;
    if (isJoint(from)) {
      must(!isJoint(to) && differing === 0, 'a joint configuration is left before the next change', detail);
    } else if (isJoint(to)) {
      must(list(to.votersOutgoing) === list(from.voters), 'a joint configuration keeps the old voters', detail);
    } else {
      must(differing <= 1, 'one voter at a time changes', detail);
    }
    must(to.voters.length > 0, 'there are voters', detail);
    must(quorumsOverlap(from, to), 'quorums of neighbouring configurations overlap', detail);
  }

  /** `entries` were put into a log for the first time, in a leader's; `view` is that log. */
  proposed({ id }: Observed, view: LogCopy, entries: readonly Entry[], committed: Index): void {
    for (const entry of entries) {
      if (!isConfChange(entry)) continue;
      for (let index = entry.index - 1; index > committed; index--) {
        const earlier = view.entry(index);
        if (earlier !== undefined && isConfChange(earlier)) {
          throw new Violation(
            'configuration changes come one at a time',
            `node ${id} has changes at ${index} and ${entry.index}, committed is ${committed}`,
          );
        }
      }
    }
  }

  /** `message` leaves the node. */
  sending({ id, raw, view }: Observed, message: Message, before: BeforeReady): void {
    if (message.type !== MessageType.MsgVote && message.type !== MessageType.MsgPreVote) return;
    for (let index = raw.applied + 1; index <= before.committed; index++) {
      const entry = view.entry(index);
      must(
        entry === undefined || !isConfChange(entry),
        'nobody campaigns in a configuration that is known to be replaced',
        () =>
          `node ${id} applied ${raw.applied}, knew that ${before.committed} was committed, and there is a change ` +
          `at ${index}`,
      );
    }
  }
}
