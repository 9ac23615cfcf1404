/** What the auth store offers and what it needs. Rules: etcd's server/auth/store.go. */

/** Who calls, and at which revision of the store that was found out. */
export interface Identity {
  readonly username: string;
  /** An identity from a token that names an older revision than the store's may not do anything. */
  readonly revision: number;
}

/** What a token stands for. */
export type TokenAnswer =
  | { readonly t: 'identity'; readonly identity: Identity }
  /** It may become known by the entry of this index, which is not applied yet. */
  | { readonly t: 'after'; readonly index: number }
  | { readonly t: 'unknown' };

/** A login that was applied. */
export interface Login {
  readonly username: string;
  /** Chosen at random by the member that was asked, and replicated. */
  readonly prefix: string;
  /** Raft index of its entry. */
  readonly index: number;
  /** The store's at that time. */
  readonly revision: number;
}

/** One way of giving out tokens. `nowMs` is of a clock that does not go back, `wallMs` counts from the Unix epoch. */
export interface Tokens {
  /** Random beginning of a token; empty for kinds that need none. */
  prefix(): string;
  /** On every member, as the login is applied. */
  add(login: Login, nowMs: number): void;
  /** What the client gets, made by the member that it asked. Throws an Error where tokens can only be verified. */
  tokenOf(login: Login, wallMs: number): string;
  /** `revision` is the store's, `applied` the index of the last entry applied. */
  find(token: string, at: { nowMs: number; wallMs: number; revision: number; applied: number }): TokenAnswer;
  /** Drops what nobody has used for too long; call it about once a second. */
  expire(nowMs: number): void;
  forgetUser(username: string): void;
  forgetAll(): void;
}
