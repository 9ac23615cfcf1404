/**
 * gRPC's own health service, which clients with health checking and Kubernetes' probes ask: the server as a whole has a
 * state, no service of it has one of its own. As grpc-go's health.Server, which etcd registers.
 */
import { Code, GrpcError, type ServerStream } from '../../grpc/types.js';
import {
  type Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../proto/gen/grpc-health.js';
import type { MemberFace } from './face.js';
import { onlyMessage } from './range-stream.js';
import type { Handlers } from './service.js';

export interface HealthOptions {
  /** `--experimental-stop-grpc-service-on-defrag` */
  readonly stopsOnDefrag: boolean;
}

/** How often watchers' state is looked at where it can change. */
const LOOK_MS = 100;

export function healthHandlers(member: MemberFace, { stopsOnDefrag }: HealthOptions): Handlers<typeof Health> {
  /** While a member defragments it answers slowly: where that is wanted, clients that ask go elsewhere. */
  const status = (): ServingStatus =>
    stopsOnDefrag && member.maintenance.defragsRunning > 0 ? ServingStatus.NOT_SERVING : ServingStatus.SERVING;
  return {
    check({ service }) {
      if (service !== '') throw new GrpcError(Code.NotFound, 'unknown service');
      return { status: status() };
    },

    async watch(stream) {
      const { service } = await onlyMessage(stream.messages);
      if (service !== '') {
        stream.send({ status: ServingStatus.SERVICE_UNKNOWN });
        await gone(stream);
        return;
      }
      let told: ServingStatus | undefined;
      const tell = (): void => {
        const now = status();
        if (now !== told) stream.send({ status: now });
        told = now;
      };
      tell();
      const stop = stopsOnDefrag ? member.clock.every(LOOK_MS, tell) : undefined;
      try {
        await gone(stream);
      } finally {
        stop?.();
      }
    },

    list: () => ({ statuses: [{ key: '', value: { status: status() } }] }),
  };
}

function gone({ signal }: ServerStream<HealthCheckRequest, HealthCheckResponse>): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
