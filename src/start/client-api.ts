/** The v3 API as clients reach it: over gRPC, and as JSON through the gateway, which calls the same handlers. */
import { gatewayHandler } from '../api/gateway/gateway.js';
import { LocalCalls } from '../api/gateway/local-calls.js';
import { metadataOfSharedPort } from '../api/gateway/metadata.js';
import { allowsOrigin, corsHeaders, type TargetHandler } from '../api/http/router.js';
import { type RpcCounts, registerServices } from '../api/v3/register.js';
import { toGrpcError } from '../api/v3/service.js';
import { GRPC_OVERHEAD_BYTES } from '../api/v3/watch.js';
import type { MemberOptions } from '../config/member-options.js';
import { heldLimits } from '../grpc/held.js';
import { createGrpcServer } from '../grpc/server.js';
import type { GrpcError, GrpcServer } from '../grpc/types.js';
import { differenceOf } from '../lib/emulate.js';
import type { Logger } from '../lib/logger.js';
import { osClock } from '../lib/os/clock.js';
import type { Member } from '../member/member.js';
import { EtcdError } from '../proto/etcd-error.js';
import type { Tracing } from './tracing.js';

export interface ClientApi {
  readonly grpc: GrpcServer;
  /** None with `--enable-grpc-gateway=false`. */
  readonly gateway: readonly TargetHandler[];
}

export function clientApi(
  member: Member,
  options: MemberOptions,
  {
    logger,
    counts,
    backlog,
    tracing,
  }: {
    logger: Logger;
    counts: RpcCounts;
    backlog: { bytes: number };
    tracing: Pick<Tracing, 'began'> | undefined;
  },
): ClientApi {
  const maxReceiveBytes = options.maxRequestBytes + GRPC_OVERHEAD_BYTES;
  const commonNames = options.clientTls.clientCertAuth === true;
  const onError = (cause: unknown, path: string): void =>
    logger.error('handler failed', { path, error: String(cause) });
  const refusal = (): GrpcError => toGrpcError(new EtcdError('tooManyRequests'), options.emulate);
  const grpc = createGrpcServer({
    clock: osClock,
    maxReceiveBytes,
    malformedText: differenceOf('malformedText', options.emulate),
    observer: counts,
    began: tracing?.began,
    held: { ...heldLimits(maxReceiveBytes), refusal },
    onError,
  });
  const calls = new LocalCalls({
    clock: osClock,
    observer: counts,
    began: tracing?.began,
    onError,
    maxCalls: options.maxConcurrentStreams,
    refusal,
  });
  registerServices({ server: grpc, local: calls }, member, counts, {
    commonNames,
    backlog,
    stopsOnDefrag: options.features.StopGRPCServiceOnDefrag,
  });
  if (!options.enableGrpcGateway) return { grpc, gateway: [] };
  const gateway = gatewayHandler({
    calls,
    backlog,
    emulate: member.emulate,
    maxReceiveBytes,
    refusesCommonNames: () => commonNames && member.auth.isEnabled,
    allowsOrigin: (origin, host) => allowsOrigin(options.cors, origin, host),
    // A port of its own is served by gRPC's own server.
    metadataOverTls:
      options.listenClientHttpUrls.length > 0 ? new Map() : metadataOfSharedPort(corsHeaders(options.cors, undefined)),
  });
  return { grpc, gateway: [gateway] };
}
