/**
 * Methods whose messages stay the bytes they are: what a proxy passes on need not be understood, nor lose the fields of
 * a newer etcd.
 */
import type { Codec, Method, MethodKind } from '../../lib/codec.js';

const asIs: Codec<Uint8Array> = {
  typeName: 'bytes',
  create: () => new Uint8Array(0),
  encode: (bytes) => bytes,
  decode: (bytes) => bytes,
};

/**
 * The same method with its messages as bytes. What is decoded is a view of what the transport received; it is not
 * written to again.
 */
export function opaque(method: { readonly path: string; readonly kind: MethodKind }): Method<Uint8Array, Uint8Array> {
  return { path: method.path, kind: method.kind, input: asIs, output: asIs };
}
