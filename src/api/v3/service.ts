/**
 * How a gRPC service of etcd is handed to the transport: one handler a method, asked for by the generated descriptor,
 * so that the compiler reports a missing one. Every error a handler throws becomes, here and nowhere else, what the
 * client sees.
 */
import {
  Code,
  GrpcError,
  type Metadata,
  type ServerCall,
  type StreamHandler,
  type UnaryHandler,
} from '../../grpc/types.js';
import type { Clock } from '../../lib/clock.js';
import type { Method } from '../../lib/codec.js';
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { refusalOf } from '../../member/apply/refusal.js';
import type { SlowCall } from '../../member/services/slow-calls.js';
import { BusyError, InterruptedError } from '../../mvcc/errors.js';
import { type WireErrorName, wireError } from '../../proto/errors.js';

import type { Admission } from './admission.js';

/** The one handler shape for each kind of method. */
export type HandlerOf<M> =
  M extends Method<infer I, infer O>
    ? M extends { readonly kind: 'unary' }
      ? UnaryHandler<I, O>
      : StreamHandler<I, O>
    : never;

export type Handlers<Service> = { readonly [Name in keyof Service]: HandlerOf<Service[Name]> };

/** A service's methods beside their handlers, as the transport takes them. */
export interface ServiceEntry {
  readonly method: Method<unknown, unknown>;
  readonly handler: UnaryHandler<unknown, unknown> | StreamHandler<unknown, unknown>;
}

/** What is the same for every method. */
export interface Edge {
  readonly emulate: EmulatedVersion;
  readonly clock: Clock;
  /** Calls that last longer are logged, all while `isDebugged`. */
  readonly slowCallMs: number;
  readonly isDebugged: () => boolean;
  readonly onRequest: (type: 'unary' | 'stream', version: string | undefined) => void;
  readonly onSlowCall: (call: SlowCall) => void;
  /** Called for each call of one answer, when it has that. */
  readonly onServed?: (path: string, request: unknown, tookMs: number, code: Code) => void;
  readonly admission: Pick<Admission, 'check' | 'whileLed'>;
}

export function serviceEntries<Service extends Readonly<Record<string, { readonly path: string }>>>(
  service: Service,
  handlers: Partial<Handlers<Service>>,
  edge: Edge,
): ServiceEntry[] {
  return Object.entries(service).flatMap(([name, method]) => {
    const handler = (handlers as Record<string, UnaryHandler<unknown, unknown> | StreamHandler<unknown, unknown>>)[
      name
    ];
    if (handler === undefined) return [];
    return [
      {
        method: method as unknown as Method<unknown, unknown>,
        handler: translating(handler, edge, method as ServiceEntry['method']),
      },
    ];
  });
}

function translating<H extends UnaryHandler<unknown, unknown> | StreamHandler<unknown, unknown>>(
  handler: H,
  { admission, emulate, clock, slowCallMs, isDebugged, onRequest, onServed, onSlowCall }: Edge,
  { path, kind }: ServiceEntry['method'],
): H {
  // A unary handler gets its request and its call, a streaming one its stream.
  const run = handler as (first: unknown, second: unknown) => unknown;
  const wrapped = (first: unknown, second: unknown): unknown => {
    const beganMs = clock.monotonicMs();
    try {
      const { metadata } = (kind === 'unary' ? second : first) as { readonly metadata: Metadata };
      onRequest(kind === 'unary' ? 'unary' : 'stream', metadata.get('client-api-version')?.[0]);
      admission.check(path, kind, metadata, kind === 'unary' ? first : undefined);
      const handled = run(first, second);
      const result = kind !== 'unary' && handled instanceof Promise ? admission.whileLed(metadata, handled) : handled;
      // What needs no waiting is not slow, and a stream lasts as long as its client likes.
      if (!(result instanceof Promise)) {
        if (kind === 'unary') onServed?.(path, first, clock.monotonicMs() - beganMs, Code.Ok);
        return result;
      }
      const ended = (outcome: Pick<SlowCall, 'response' | 'error'>): void => {
        if (kind !== 'unary') return;
        const tookMs = clock.monotonicMs() - beganMs;
        const { error } = outcome;
        onServed?.(path, first, tookMs, error === undefined ? Code.Ok : toGrpcError(error, emulate).code);
        if (tookMs <= slowCallMs && !isDebugged()) return;
        const { peer, agreedMs } = second as ServerCall;
        const untilAgreedMs = agreedMs === undefined ? undefined : agreedMs - beganMs;
        onSlowCall({ path, tookMs, agreedMs: untilAgreedMs, remote: peer.address, request: first, ...outcome });
      };
      return result.then(
        (response: unknown) => {
          ended({ response });
          return response;
        },
        (cause: unknown) => {
          ended({ error: cause });
          throw toGrpcError(cause, emulate);
        },
      );
    } catch (cause) {
      const error = toGrpcError(cause, emulate);
      if (kind === 'unary') onServed?.(path, first, clock.monotonicMs() - beganMs, error.code);
      throw error;
    }
  };
  return wrapped as H;
}

/**
 * The status a client gets for `cause`: its row of the catalogue, or Unknown with the error's text, as etcd does for
 * what it has no row for.
 */
export function toGrpcError(cause: unknown, emulate: EmulatedVersion): GrpcError {
  if (cause instanceof GrpcError) return cause;
  const refusal = refusalOf(cause);
  if (refusal !== undefined) return fromRow(refusal.row, emulate, cause);
  if (cause instanceof BusyError) return fromRow('tooManyRequests', emulate, cause);
  if (cause instanceof InterruptedError) return fromRow('stopped', emulate, cause);
  return new GrpcError(Code.Unknown, cause instanceof Error ? cause.message : String(cause), { cause });
}

function fromRow(name: WireErrorName, emulate: EmulatedVersion, cause: unknown): GrpcError {
  const { code, message } = wireError(name, { minor: differenceOf('minor', emulate) });
  return new GrpcError(code as Code, message, { cause });
}
