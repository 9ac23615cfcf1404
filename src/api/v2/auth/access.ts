/**
 * Who calls, by basic auth or certificate, and whether they may. Without an Authorization header a caller is a guest.
 */
import type { HttpRequest } from '../../../lib/http.js';
import { textOf } from '../../../v2/json.js';
import type { V2Passwords } from '../answers/types.js';
import { allows, GUEST, ROOT, type Role, type User } from './permissions.js';
import type { V2AuthStore } from './store.js';

export class V2Access {
  constructor(
    readonly store: V2AuthStore,
    readonly passwords: V2Passwords,
    /** Names of certificates are names of users. */
    readonly options: { readonly commonNames: boolean },
  ) {}

  /**
   * `key` as the client wrote it: patterns are compared with that. A guest's recursive request is checked as a plain
   * one.
   */
  mayUseKey(call: HttpRequest, key: string, recursive: boolean): true | Promise<boolean> {
    const isEnabled = this.store.isEnabled();
    return isEnabled === false || this.#mayUseKey(isEnabled, call, key, recursive);
  }

  async #mayUseKey(
    isEnabled: true | Promise<boolean>,
    call: HttpRequest,
    key: string,
    recursive: boolean,
  ): Promise<boolean> {
    if (!(await isEnabled)) return true;
    const write = call.method !== 'GET' && call.method !== 'HEAD';
    const path = textOf(key);
    const authorization = call.headers.authorization ?? '';
    const user = authorization === '' ? await this.#byCertificate(call) : await this.#byPassword(authorization);
    if (user === undefined) {
      if (authorization !== '') return false;
      const guest = await this.#roleOf(GUEST);
      return guest !== undefined && allows(guest, path, { write, recursive: false });
    }
    for (const name of user.roles ?? []) {
      const role = await this.#roleOf(name);
      if (role !== undefined && allows(role, path, { write, recursive })) return true;
    }
    return false;
  }

  async isRoot(call: HttpRequest): Promise<boolean> {
    if (!(await this.store.isEnabled())) return true;
    const authorization = call.headers.authorization ?? '';
    const byCertificate = authorization === '' && this.options.commonNames;
    const user = byCertificate ? await this.#byCertificate(call) : await this.#byPassword(authorization);
    return user?.roles?.includes(ROOT) === true;
  }

  async #byPassword(authorization: string): Promise<User | undefined> {
    const encoded = /^basic (.*)$/i.exec(authorization)?.[1];
    if (encoded === undefined || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return undefined;
    const text = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 0) return undefined;
    const user = await this.#userOf(text.slice(0, colon));
    if (user === undefined) return undefined;
    return (await this.passwords.verify(text.slice(colon + 1), user.password)) ? user : undefined;
  }

  async #byCertificate(call: HttpRequest): Promise<User | undefined> {
    const name = this.options.commonNames ? call.peer.tls?.commonName : undefined;
    return name === undefined ? undefined : this.#userOf(name);
  }

  async #userOf(name: string): Promise<User | undefined> {
    try {
      return await this.store.user(name);
    } catch {
      return undefined;
    }
  }

  async #roleOf(name: string): Promise<Role | undefined> {
    try {
      return await this.store.role(name);
    } catch {
      return undefined;
    }
  }
}
