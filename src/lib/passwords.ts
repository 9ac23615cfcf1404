/**
 * bcrypt, as a part may see it. The text is Go's: `$2a$`, two digits of cost, 22 characters of salt, 31 of hash. Only
 * the first 72 bytes of a password count.
 */
export interface Passwords {
  /** `cost` 4 to 31, `salt` 16 bytes. Takes tens of milliseconds at cost 10, on another thread. */
  hash(password: string, options: PasswordHashing): Promise<string>;
  /** The same, while everything else waits. */
  hashNow(password: string, options: PasswordHashing): string;
  /** False also for a `hash` that is none. */
  verify(password: string, hash: string): Promise<boolean>;
}

export interface PasswordHashing {
  readonly cost: number;
  readonly salt: Uint8Array;
}
