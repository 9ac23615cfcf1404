/**
 * Registers etcd's services at a gRPC server so that each call is answered by the cluster. Messages pass as bytes,
 * unless a namespace has to change their keys; errors keep their code, text and details. A stream of the client is one
 * stream to the cluster, and whoever reads slowly slows down the other end.
 *
 * `etcd-diff:` etcd's proxy holds answers of serializable reads in a cache, merges watches of the same range into one,
 * and the keep-alives of one lease. Here every client gets its own: its answers are as fresh as the cluster's, and its
 * permissions are checked by the cluster for each call.
 */
import type { GrpcServer, ServerStream } from '../../grpc/types.js';
import { Code, GrpcError } from '../../grpc/types.js';
import { type Method, type MethodKind, ProtoDecodeError } from '../../lib/codec.js';
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from '../../proto/gen/etcdserverpb.js';
import { Election } from '../../proto/gen/v3electionpb.js';
import { Lock } from '../../proto/gen/v3lockpb.js';
import { opaque } from './opaque.js';
import type { Translation } from './translation.js';
import type { Upstream } from './upstream.js';

const services = [KV, Watch, Lease, Cluster, Maintenance, Auth, Lock, Election];

export interface ForwardOptions {
  /** By path; empty without a namespace. */
  readonly translations: ReadonlyMap<string, Translation>;
  /** Paths of methods that the proxy answers itself. */
  readonly except: ReadonlySet<string>;
}

/** Every method of etcd's gRPC services, in order. */
export function forwardedMethods(): readonly { readonly path: string; readonly kind: MethodKind }[] {
  return services.flatMap((service): { path: string; kind: MethodKind }[] => Object.values(service));
}

export function forwardServices(server: GrpcServer, upstream: Upstream, options: ForwardOptions): void {
  for (const { path, kind } of forwardedMethods()) {
    if (options.except.has(path)) continue;
    const method = opaque({ path, kind });
    const translation = options.translations.get(path);
    if (kind === 'unary') forwardUnary(server, upstream, method, translation);
    else server.stream(method, (stream) => forwardStream(upstream, method, translation, stream));
  }
}

function forwardUnary(
  server: GrpcServer,
  upstream: Upstream,
  method: Method<Uint8Array, Uint8Array>,
  translation: Translation | undefined,
): void {
  if (translation === undefined) {
    server.unary(method, (request, call) => upstream.unary(method, request, call));
    return;
  }
  server.unary(method, async (request, call) => {
    const changed = translateRequest(translation, request);
    return translation.response(await upstream.unary(method, changed, call));
  });
}

function forwardStream(
  upstream: Upstream,
  method: Method<Uint8Array, Uint8Array>,
  translation: Translation | undefined,
  client: ServerStream<Uint8Array, Uint8Array>,
): Promise<void> {
  return upstream.stream(method, client, async (cluster) => {
    /** What went wrong with the requests; it explains why the answers then end. */
    let refusal: unknown;
    const passRequests = async (): Promise<void> => {
      try {
        for await (const request of client.messages) {
          const flowing = cluster.send(translation === undefined ? request : translateRequest(translation, request));
          if (!flowing) await cluster.drained();
        }
        cluster.end();
      } catch (error) {
        refusal = error;
        cluster.cancel();
      }
    };
    void passRequests();
    try {
      for await (const answer of cluster.messages) {
        const flowing = client.send(translation === undefined ? answer : translation.response(answer));
        if (!flowing) await client.drained();
      }
    } catch (error) {
      throw refusal ?? error;
    }
  });
}

/** A malformed request is the client's fault, in the words of grpc-go's server. */
function translateRequest(translation: Translation, request: Uint8Array): Uint8Array {
  try {
    return translation.request(request);
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause;
    throw new GrpcError(Code.Internal, `grpc: error unmarshalling request: ${cause.message}`, { cause });
  }
}
