/**
 * How a message type crosses the wire. Generated for every protobuf message in `src/proto/gen`; raft's own by hand in
 * `src/raftpb`.
 */
export interface Codec<T> {
  /** Fully qualified protobuf name, e.g. `etcdserverpb.RangeRequest`. */
  readonly typeName: string;
  /** A message with every field at its zero value, then `init` laid over it. */
  create(init?: Partial<T>): T;
  encode(message: NoInfer<T>): Uint8Array;
  /** Bytes fields are views into `bytes`: copy what outlives it. Throws `ProtoDecodeError` on malformed input. */
  decode(bytes: Uint8Array): T;
}

/**
 * A codec whose encoder also takes some sub-messages as bytes that are already encoded (`S` allows them, `T` does not),
 * so that stored records and client requests travel on untouched. Decoding always gives whole messages.
 */
export interface SplicedCodec<T extends S, S> extends Codec<T> {
  /** As `create`, for a message with encoded parts. */
  createSpliced(init?: Partial<S>): S;
  encode(message: S): Uint8Array;
}

/** Malformed protobuf. The message text is what grpc-go reports after `grpc: error unmarshalling request: `. */
export class ProtoDecodeError extends Error {
  override readonly name = 'ProtoDecodeError';
  readonly code = 'ERR_PROTO_DECODE';
}

export type MethodKind = 'unary' | 'server-streaming' | 'client-streaming' | 'bidi';

/** One RPC of a service, as generated into `src/proto/gen`. */
export interface Method<I, O> {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly kind: MethodKind;
  readonly input: Codec<I>;
  readonly output: Codec<O>;
}
