/**
 * Simple tokens: 16 random letters, a dot, the raft index of the login. Every member learns them from the log, so a
 * client may take its token anywhere; a member that has not applied that index yet waits for it. Each member forgets a
 * token some time after its last use there. They live in memory only. Source: etcd's server/auth/simple_token.go.
 */
import type { Random } from '../lib/random.js';
import type { Login, TokenAnswer, Tokens } from './types.js';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const PREFIX_LENGTH = 16;
const DEFAULT_TTL_SECONDS = 300;

interface Holder {
  readonly username: string;
  deadlineMs: number;
}

export class SimpleTokens implements Tokens {
  readonly #holders = new Map<string, Holder>();
  readonly #ttlMs: number;

  /** `ttlSeconds` 0 = the default of 300. */
  constructor(
    readonly random: Random,
    ttlSeconds: number,
  ) {
    this.#ttlMs = (ttlSeconds > 0 ? ttlSeconds : DEFAULT_TTL_SECONDS) * 1000;
  }

  get size(): number {
    return this.#holders.size;
  }

  prefix(): string {
    return Array.from({ length: PREFIX_LENGTH }, () => LETTERS[this.random.below(LETTERS.length)]).join('');
  }

  add(login: Login, nowMs: number): void {
    this.#holders.set(this.tokenOf(login), { username: login.username, deadlineMs: nowMs + this.#ttlMs });
  }

  tokenOf({ prefix, index }: Login): string {
    return `${prefix}.${index}`;
  }

  /** Counts as a use. */
  find(token: string, at: { nowMs: number; revision: number; applied: number }): TokenAnswer {
    const holder = this.#holders.get(token);
    if (holder !== undefined) {
      holder.deadlineMs = at.nowMs + this.#ttlMs;
      return { t: 'identity', identity: { username: holder.username, revision: at.revision } };
    }
    const index = Number(/^[^.]*\.(\d+)$/.exec(token)?.[1] ?? Number.NaN);
    return index > at.applied && Number.isSafeInteger(index) ? { t: 'after', index } : { t: 'unknown' };
  }

  expire(nowMs: number): void {
    for (const [token, holder] of this.#holders) {
      if (holder.deadlineMs < nowMs) this.#holders.delete(token);
    }
  }

  forgetUser(username: string): void {
    for (const [token, holder] of this.#holders) {
      if (holder.username === username) this.#holders.delete(token);
    }
  }

  forgetAll(): void {
    this.#holders.clear();
  }
}
