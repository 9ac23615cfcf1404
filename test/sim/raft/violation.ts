/** A rule of Raft that a run broke. `rule` is one of a few fixed sentences, `detail` says who and what. */
export class Violation extends Error {
  override readonly name = 'Violation';
  constructor(
    readonly rule: string,
    readonly detail: string,
  ) {
    super(`${rule}: ${detail}`);
  }
}

/** `detail` is only made when the rule is broken. */
export function must(holds: boolean, rule: string, detail: () => string): asserts holds {
  if (!holds) throw new Violation(rule, detail());
}
