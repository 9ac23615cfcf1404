/**
 * Who calls: from a token or a certificate to a name, and from a name and a password to a token.
 *
 *     log in:   check the password here ──▶ Authenticate entry (no password in it) ──applied──▶ every member knows the
 *               token
 *               and again, if users changed between the check and the entry: the password may not hold any more
 *     a call:   token ──▶ identity; a token of an entry not applied here yet waits for it
 *
 * Passwords are hashed and checked on other threads, two at a time: the log's syncs need threads of the same pool.
 * Source: etcd's EtcdServer.Authenticate, server/auth/store.go AuthInfoFromCtx.
 */
import { createHash } from 'node:crypto';
import { AuthError } from '../../auth/errors.js';
import type { AuthStore } from '../../auth/store.js';
import type { Identity, TokenAnswer, Tokens } from '../../auth/types.js';
import { AbandonedError, type Caller, checkWanted } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/logger.js';
import type { Passwords } from '../../lib/passwords.js';
import type { Random } from '../../lib/random.js';
import { innerText, wireErrors } from '../../proto/errors.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { Propose, ProposeOptions } from '../apply/operation.js';
import { compareMinor } from '../membership/minor-version.js';

const MIN_COST = 4;
const MAX_COST = 31;
const DEFAULT_COST = 10;
const SALT_BYTES = 16;
/** More than bcrypt looks at; Go's library refuses to hash what it would cut. */
const MAX_PASSWORD_BYTES = 72;
const HASHES_AT_ONCE = 2;
/** Logins and new passwords waiting for their turn: at cost 10, about a minute's worth. */
const MAX_WAITING_HASHES = 1000;
/** Calls waiting for their token's login to be applied; each of a client that was answered by a quicker member. */
const MAX_WAITING_CALLS = 1000;
const EXPIRE_PERIOD_MS = 1000;
/** The first version whose members take a password that is hashed already. */
const KNOWS_HASHES = '3.5.0';

export interface AuthenticationDeps {
  readonly store: AuthStore;
  readonly tokens: Tokens;
  readonly passwords: Passwords;
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bcryptCost: number;
  /** How long a call may wait for its token's login. */
  readonly timeoutMs: number;
  readonly propose: Propose;
  readonly linearizable: (caller?: Caller) => Promise<void>;
  /** Index of the last entry applied. */
  readonly applied: () => number;
  /** undefined before there is one. */
  readonly clusterVersion: () => string | undefined;
}

/** One of the two is empty; both are for a password that is. */
export interface EntryPassword {
  readonly password: string;
  readonly hashedPassword: string;
}

/** What a call shows of its caller. */
export interface Credentials {
  readonly token: string | undefined;
  /** Of a client certificate that was verified, where such certificates count. */
  readonly commonName: string | undefined;
}

interface WaitingCall {
  readonly index: number;
  readonly deadlineMs: number;
  readonly goOn: () => void;
}

interface WaitingHash {
  readonly caller: Caller | undefined;
  readonly goOn: () => void;
  readonly leave: () => void;
}

export class Authentication {
  #waitingCalls: WaitingCall[] = [];
  #hashing = 0;
  #waitingHashes: WaitingHash[] = [];
  #expiredMs = 0;
  #stopped = false;

  constructor(readonly deps: AuthenticationDeps) {}

  // ---- a call

  /**
   * Undefined when nobody is named, and while authentication is off. Throws (or rejects with) AuthError for a token
   * that nobody has. A promise only when the token's login is still to be applied.
   */
  identify(credentials: Credentials): Identity | undefined | Promise<Identity | undefined> {
    const { store } = this.deps;
    if (!store.isEnabled) return undefined;
    const { token, commonName } = credentials;
    if (token === undefined)
      return commonName === undefined ? undefined : { username: commonName, revision: store.revision };
    const answer = this.#find(token);
    return answer.t === 'after' ? this.#after(answer.index, token) : this.#identityOf(answer);
  }

  /** Throws AuthError for a token that nobody has, whether or not authentication is on. */
  checkKnown(token: string): void {
    this.#identityOf(this.#find(token));
  }

  #find(token: string): TokenAnswer {
    const { store, tokens, clock, applied } = this.deps;
    return tokens.find(token, {
      nowMs: clock.monotonicMs(),
      wallMs: clock.wallMs(),
      revision: store.revision,
      applied: applied(),
    });
  }

  #identityOf(answer: TokenAnswer): Identity {
    if (answer.t === 'identity') return answer.identity;
    this.deps.logger.warn(innerText(wireErrors.invalidAuthToken));
    throw new AuthError('invalidAuthToken');
  }

  async #after(index: number, token: string): Promise<Identity | undefined> {
    if (this.#waitingCalls.length >= MAX_WAITING_CALLS) throw new EtcdError('tooManyRequests');
    const deadlineMs = this.deps.clock.monotonicMs() + this.deps.timeoutMs;
    await new Promise<void>((goOn) => this.#waitingCalls.push({ index, deadlineMs, goOn }));
    if (this.#stopped) throw new EtcdError('stopped');
    return this.deps.store.isEnabled ? this.#identityOf(this.#find(token)) : undefined;
  }

  /** After entries were applied. */
  afterApply(applied: number): void {
    if (this.#waitingCalls.length > 0) this.#goOn(({ index }) => index <= applied);
  }

  /** Calls that wait are refused: the member stops. */
  stop(): void {
    this.#stopped = true;
    this.#goOn(() => true);
  }

  tick(nowMs: number): void {
    if (this.#waitingCalls.length > 0) this.#goOn(({ deadlineMs }) => deadlineMs <= nowMs);
    if (nowMs - this.#expiredMs < EXPIRE_PERIOD_MS) return;
    this.#expiredMs = nowMs;
    this.deps.tokens.expire(nowMs);
  }

  #goOn(may: (call: WaitingCall) => boolean): void {
    const going = this.#waitingCalls.filter(may);
    if (going.length === 0) return;
    this.#waitingCalls = this.#waitingCalls.filter((call) => !may(call));
    for (const { goOn } of going) goOn();
  }

  // ---- logging in

  /** The token. Rejects with AuthError, and with AbandonedError. */
  async authenticate(
    name: string,
    password: string,
    options: Pick<ProposeOptions, 'caller' | 'trace'> = {},
  ): Promise<string> {
    const { store, tokens, clock, logger } = this.deps;
    await this.deps.linearizable(options.caller);
    for (;;) {
      const revision = await this.#checkPassword(name, password, options.caller).catch((cause: Error) => {
        if (cause instanceof AbandonedError) throw cause;
        logger.warn('invalid authentication was requested', { user: name, error: cause.message });
        throw cause;
      });
      const authenticate = { name, password: '', simpleToken: tokens.prefix() };
      const login = await this.deps.propose({ kind: 'authenticate', request: authenticate }, options);
      if (store.revision === revision) return tokens.tokenOf(login, clock.wallMs());
      logger.info('revision when password checked became stale; retrying', {
        'checked-revision': revision,
        'current-revision': store.revision,
      });
    }
  }

  /** The revision at which it held. */
  async #checkPassword(name: string, password: string, caller: Caller | undefined): Promise<number> {
    const { store, passwords, logger } = this.deps;
    const { hash, revision } = store.passwordHashOf(name);
    if (await this.#inTurn(() => passwords.verify(password, hash), caller)) return revision;
    logger.info('invalid password', { 'user-name': name });
    throw new AuthError('authFailed');
  }

  // ---- new passwords

  /**
   * As it goes into an entry: base64 of the bcrypt text. 3.4 does not know that field and would store an empty
   * password: while the cluster's version says that one may be there, the password goes in the clear, as 3.4 itself
   * sends it, and each member hashes for itself.
   */
  async passwordForEntry(password: string, caller?: Caller): Promise<EntryPassword> {
    if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) throw new Error('bcrypt: password length exceeds 72 bytes');
    const version = this.deps.clusterVersion();
    if (version !== undefined && compareMinor(version, KNOWS_HASHES) < 0) return { password, hashedPassword: '' };
    const salt = Buffer.alloc(SALT_BYTES);
    salt.writeBigUInt64LE(this.deps.random.uint64(), 0);
    salt.writeBigUInt64LE(this.deps.random.uint64(), 8);
    const cost = this.deps.bcryptCost;
    const hash = await this.#inTurn(() => this.deps.passwords.hash(password, { cost, salt }), caller);
    return { password: '', hashedPassword: Buffer.from(hash, 'latin1').toString('base64') };
  }

  /** A caller that goes away meanwhile takes no turn: AbandonedError. */
  async #inTurn<T>(run: () => Promise<T>, caller: Caller | undefined): Promise<T> {
    if (this.#hashing >= HASHES_AT_ONCE) {
      if (this.#waitingHashes.length >= MAX_WAITING_HASHES) this.#forgetAbandoned();
      if (this.#waitingHashes.length >= MAX_WAITING_HASHES) throw new EtcdError('tooManyRequests');
      await new Promise<void>((goOn, reject) => {
        const leave = (): void => reject(new AbandonedError('the caller is gone'));
        this.#waitingHashes.push({ caller, goOn, leave });
      });
    } else {
      this.#hashing++;
    }
    try {
      checkWanted(caller);
      return await run();
    } finally {
      // The place goes straight to who waited longest; nobody may slip in between.
      const next = this.#waitingHashes.shift();
      if (next === undefined) this.#hashing--;
      else next.goOn();
    }
  }

  #forgetAbandoned(): void {
    const gone = this.#waitingHashes.filter(({ caller }) => caller?.aborted === true);
    this.#waitingHashes = this.#waitingHashes.filter(({ caller }) => caller?.aborted !== true);
    for (const { leave } of gone) leave();
  }
}

/** bcrypt's cost for new passwords: what is no cost at all becomes the default. */
export function bcryptCost(option: number, logger: Logger): number {
  if (option >= MIN_COST && option <= MAX_COST) return option;
  logger.warn('use default bcrypt cost instead of the invalid given cost', {
    'min-cost': MIN_COST,
    'max-cost': MAX_COST,
    'default-cost': DEFAULT_COST,
    'given-cost': option,
  });
  return DEFAULT_COST;
}

/** A salt that all members agree on without having said so: see `AuthStoreDeps.hashNow`. */
export function saltOf(seed: string): Uint8Array {
  return createHash('sha256').update(seed).digest().subarray(0, SALT_BYTES);
}
