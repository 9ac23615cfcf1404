/**
 * Hashing that costs nothing and happens at once: for members in simulated time, and for tests that are not about
 * passwords.
 */
import type { PasswordHashing, Passwords } from '../../src/lib/passwords.js';

const hash = (password: string, { salt }: PasswordHashing): string =>
  `fake$${Buffer.from(salt).toString('hex')}$${password}`;

export const fakePasswords: Passwords = {
  hash: async (password, options) => hash(password, options),
  hashNow: hash,
  verify: async (password, stored) => /^fake\$[0-9a-f]*\$([\s\S]*)$/.exec(stored)?.[1] === password,
};
