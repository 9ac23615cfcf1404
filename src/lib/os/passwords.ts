/** bcrypt by a prebuilt native module, loaded with the first password: most members never see one. */
import { createRequire } from 'node:module';
import type { Passwords } from '../passwords.js';
import { rawBytes } from '../raw-text.js';

type Bcrypt = typeof import('@node-rs/bcrypt');

let loaded: Bcrypt | undefined;

function bcrypt(): Bcrypt {
  loaded ??= createRequire(import.meta.url)('@node-rs/bcrypt') as Bcrypt;
  return loaded;
}

/** The module writes `$2y$`, Go and others `$2a$`: names of one and the same algorithm. */
const asGo = (hash: string): string => hash.replace(/^\$2.\$/, '$2a$');

export const osPasswords: Passwords = {
  hash: async (password, { cost, salt }) => asGo(await bcrypt().hash(rawBytes(password), cost, salt)),
  hashNow: (password, { cost, salt }) => asGo(bcrypt().hashSync(rawBytes(password), cost, salt)),
  verify: (password, hash) => bcrypt().verify(rawBytes(password), hash),
};
