import { describe, expect, it } from 'vitest';
import { TurnBudget } from '../../../src/api/v3/turn-budget.js';

/** A budget of 10 bytes a turn whose turns the test calls; answers are noted in the order in which they are made. */
function harness() {
  const turns: (() => void)[] = [];
  const made: string[] = [];
  const budget = new TurnBudget({ soon: (run) => void turns.push(run) }, 10);
  const answer = (name: string, bytes: number, connection: object = budget) =>
    budget.run(connection, () => {
      made.push(name);
      budget.spend(bytes);
      return name;
    });
  return { made, answer, budget, turns, nextTurn: () => turns.shift()?.() };
}

describe('the budget for big answers', () => {
  it('lets answers be made at once while something of it is left', () => {
    const { made, answer } = harness();
    expect(answer('a', 9)).toBe('a');
    expect(answer('b', 9)).toBe('b');
    expect(answer('c', 1)).toBeInstanceOf(Promise);
    expect(made).toEqual(['a', 'b']);
  });

  it('makes the others in later turns, in order, until all are made and no turn is asked for any more', async () => {
    const { made, answer, nextTurn, turns } = harness();
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => answer(name, 6));
    nextTurn();
    expect(made).toEqual(['a', 'b', 'c', 'd']);
    nextTurn();
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e']);
    nextTurn();
    expect(turns).toHaveLength(0);
  });

  it('serves one a turn at least, however big', () => {
    const { made, answer, nextTurn } = harness();
    for (const name of ['a', 'b', 'c']) void answer(name, 1000);
    expect(made).toEqual(['a']);
    nextTurn();
    expect(made).toEqual(['a', 'b']);
  });

  it('lets connections take turns, so that one with a thousand requests does not hold up one with a single', () => {
    const { made, answer, nextTurn } = harness();
    for (const name of ['a', 'b', 'c', 'd']) void answer(name, 1000);
    void answer('other', 0, {});
    nextTurn();
    nextTurn();
    expect(made).toEqual(['a', 'b', 'other', 'c']);
  });

  it('does not let a late comer pass those who wait', () => {
    const { made, answer, nextTurn } = harness();
    for (const name of ['a', 'b', 'c']) void answer(name, 1000);
    nextTurn();
    void answer('late', 0);
    expect(made).toEqual(['a', 'b']);
    nextTurn();
    nextTurn();
    expect(made).toEqual(['a', 'b', 'c', 'late']);
  });

  it('hands on the failure of an answer that waited, and serves the next', async () => {
    const { answer, budget, nextTurn, made } = harness();
    void answer('a', 1000);
    const failing = budget.run(budget, () => {
      throw new Error('compacted');
    });
    void answer('b', 1);
    nextTurn();
    await expect(failing).rejects.toThrow('compacted');
    expect(made).toEqual(['a', 'b']);
  });
});
