/**
 * Whether what clients were answered can have happened in a store that does one thing at a time. Such a store's order
 * of writes is known: each has a revision, and the store's history tells what it changed (`Truth`). So nothing has to
 * be searched; a history is linearizable exactly when
 *
 *   1. each answer is what the request, done at the revision that the answer names, gives: a write makes that revision
 *      out of the one before, and is the only one to do so; a read finds what is there then;
 *   2. an operation that began after another one had ended does not come before it: its revision is no lower, and
 *      higher where it writes;
 *   3. each revision was made by somebody: by an operation that was answered, by one whose outcome its client does not
 *      know (each at most once, and none before it began), or by the end of a lease, which deletes all the keys that
 *      hang on it;
 *   4. what was refused changed nothing.
 *
 * Serializable reads are free of 2.
 */
import { type Answer, changedSomething, evaluate, type Request } from './request.js';
import { alike, HistoryError, type Truth, text } from './truth.js';

export interface Operation {
  readonly client: string;
  readonly request: Request;
  /** The highest revision that anybody had been answered when it began. */
  readonly floor: number;
}

export class HistoryChecker {
  /** How many were answered, and how many of them changed something; how many of unknown outcome. */
  readonly counts = { answered: 0, writes: 0, unknown: 0, refused: 0 };
  #highest = 1;
  readonly #makers = new Map<number, Operation>();
  readonly #unknown: Operation[] = [];

  constructor(readonly truth: Truth) {}

  begin(client: string, request: Request): Operation {
    return { client, request, floor: this.#highest };
  }

  /** The history must be known up to the answer's revision. */
  answered(operation: Operation, answer: Answer): void {
    const { truth } = this;
    const { client, request, floor } = operation;
    const { revision } = answer;
    const writes = changedSomething(answer);
    const told = (): string =>
      `${client} asked ${text(request)} after revision ${floor} and was answered ${text(answer)}`;
    const must = (holds: boolean, rule: string, more = () => ''): void => {
      if (!holds) throw new HistoryError(rule, told() + more());
    };
    must(
      revision <= truth.revision,
      'a revision is known before it is answered',
      () => `, but ${truth.revision} is the last`,
    );
    if (request.serializable !== true)
      must(
        writes ? revision > floor : revision >= floor,
        writes
          ? 'a write comes after what ended before it began'
          : 'a read is no older than what ended before it began',
      );
    const expected = evaluate(truth, writes ? revision - 1 : revision, request);
    const { succeeded, steps, changes } = expected;
    must(
      succeeded === answer.succeeded && alike(steps, answer.steps),
      'an answer is what the store holds at its revision',
      () => `; right is ${text({ succeeded, steps })}`,
    );
    if (writes) {
      const made = truth.versionsOf(changes, revision - 1);
      must(
        alike(made, truth.at(revision)),
        'a write makes its revision',
        () => `; there is ${text(truth.at(revision))}`,
      );
      const other = this.#makers.get(revision);
      must(
        other === undefined,
        'each revision is one write',
        () => `; so was ${other?.client} by ${text(other?.request)}`,
      );
      this.#makers.set(revision, operation);
      this.counts.writes++;
    }
    this.counts.answered++;
    if (request.serializable !== true) this.#highest = Math.max(this.#highest, revision);
  }

  /** Nobody knows whether it happened, or will. */
  unknown(operation: Operation): void {
    this.counts.unknown++;
    const { success, failure } = operation.request;
    if ([...success, ...failure].some(({ t }) => t !== 'get')) this.#unknown.push(operation);
  }

  /** It was said that nothing was done. */
  refused(): void {
    this.counts.refused++;
  }

  /**
   * At the end, when nothing is under way: rule 3. Those of unknown outcome are matched with the revisions that nobody
   * else made.
   */
  finish(): void {
    const { truth } = this;
    const candidates = new Map<number, Operation[]>();
    for (let revision = 2; revision <= truth.revision; revision++) {
      if (this.#makers.has(revision) || this.#isEndOfLease(revision)) continue;
      candidates.set(
        revision,
        this.#unknown.filter((operation) => this.#mayHaveMade(operation, revision)),
      );
    }
    const makerOf = new Map<Operation, number>();
    const find = (revision: number, tried: Set<Operation>): boolean => {
      for (const operation of candidates.get(revision) ?? []) {
        if (tried.has(operation)) continue;
        tried.add(operation);
        const taken = makerOf.get(operation);
        if (taken !== undefined && !find(taken, tried)) continue;
        makerOf.set(operation, revision);
        return true;
      }
      return false;
    };
    for (const revision of candidates.keys()) {
      if (!find(revision, new Set()))
        throw new HistoryError('each revision was asked for', `${revision}: ${text(truth.at(revision))}`);
    }
  }

  #mayHaveMade({ request, floor }: Operation, revision: number): boolean {
    if (revision <= floor) return false;
    const { truth } = this;
    const made = truth.versionsOf(evaluate(truth, revision - 1, request).changes, revision - 1);
    return alike(made, truth.at(revision));
  }

  #isEndOfLease(revision: number): boolean {
    const { truth } = this;
    const events = truth.at(revision);
    const first = events[0];
    if (first === undefined || events.some(({ value }) => value !== undefined)) return false;
    const lease = truth.get(first.key, revision - 1)?.lease ?? 0n;
    if (lease === 0n) return false;
    const attached = [...truth.keys].sort().filter((key) => truth.get(key, revision - 1)?.lease === lease);
    return alike(
      attached,
      events.map(({ key }) => key),
    );
  }
}
