/**
 * The bucket `authRoles`.
 *
 *     name   authpb.Role { name, keyPermission }
 *
 * Source: etcd's server/storage/schema/auth_roles.go.
 */
import { rawBytes, rawText } from '../../lib/raw-text.js';
import { Role } from '../../proto/gen/authpb.js';
import type { BackendReader, BackendWriter } from '../types.js';

export function putAuthRole(backend: BackendWriter, name: string, role: Role): void {
  backend.put('authRoles', rawBytes(name), Role.encode(role));
}

export function deleteAuthRole(backend: BackendWriter, name: string): void {
  backend.delete('authRoles', rawBytes(name));
}

export function readAuthRoles(backend: BackendReader, visit: (name: string, role: Role) => void): void {
  backend.range('authRoles', new Uint8Array(0), undefined, 0, (key, value) =>
    visit(rawText(Buffer.from(key)), decodeAuthRole(value)),
  );
}

/** The bytes are borrowed. */
export const decodeAuthRole = (value: Uint8Array): Role => Role.decode(Uint8Array.from(value));
