/**
 * The token of a client that logs in: got when connecting, got again when the server no longer knows it. One log-in at
 * a time.
 */

import { wireErrors } from '../proto/errors.js';
import type { AuthClient } from './auth.js';
import type { TokenSource } from './caller.js';
import { EtcdError } from './errors.js';
import type { CallLimits } from './options.js';

export class Login implements TokenSource {
  readonly canRenew = true;
  readonly #auth: AuthClient;
  readonly #credentials: { readonly username: string; readonly password: string };
  #token = '';
  #underWay: Promise<void> | undefined;

  constructor(auth: AuthClient, credentials: { username: string; password: string }) {
    this.#auth = auth;
    this.#credentials = credentials;
  }

  get current(): string {
    return this.#token;
  }

  /** A server without authentication is fine: then there is no token. Throws EtcdError. */
  renew(limits: CallLimits): Promise<void> {
    this.#underWay ??= this.#logIn(limits).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  /** Calls made meanwhile go on with the token that there is. */
  async #logIn(limits: CallLimits): Promise<void> {
    const { username, password } = this.#credentials;
    try {
      this.#token = (await this.#auth.authenticate(username, password, limits)).token;
    } catch (error) {
      if (!(error instanceof EtcdError && error.message === wireErrors.authNotEnabled.message)) throw error;
      this.#token = '';
    }
  }
}

export const fixedToken = (token: string): TokenSource => ({
  current: token,
  canRenew: false,
  isFixed: token !== '',
  renew: async () => undefined,
});
