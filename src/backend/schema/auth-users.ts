/**
 * The bucket `authUsers`.
 *
 *     name   authpb.User { name, password, roles, options }; the password as its bcrypt text
 *
 * Source: etcd's server/storage/schema/auth_users.go.
 */
import { rawBytes, rawText } from '../../lib/raw-text.js';
import { User } from '../../proto/gen/authpb.js';
import type { BackendReader, BackendWriter } from '../types.js';

export function putAuthUser(backend: BackendWriter, name: string, user: User): void {
  backend.put('authUsers', rawBytes(name), User.encode(user));
}

export function deleteAuthUser(backend: BackendWriter, name: string): void {
  backend.delete('authUsers', rawBytes(name));
}

export function readAuthUsers(backend: BackendReader, visit: (name: string, user: User) => void): void {
  backend.range('authUsers', new Uint8Array(0), undefined, 0, (key, value) =>
    visit(rawText(Buffer.from(key)), decodeAuthUser(value)),
  );
}

/** The bytes are borrowed. */
export const decodeAuthUser = (value: Uint8Array): User => User.decode(Uint8Array.from(value));
