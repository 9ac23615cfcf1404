/**
 * Traces of calls for OpenTelemetry, as etcd's embed/config_tracing.go and otelgrpc make them: a span for each call,
 * its parent taken from the caller's `traceparent`, since 3.7 with spans within; sent in batches over OTLP/gRPC. The
 * packages are loaded only where tracing is asked for.
 */
import type { Attributes, Context, Span, SpanContext, Tracer } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { DistributedTracingOptions } from '../config/member-options.js';
import { Code, type FollowedCall, type ObservedCall } from '../grpc/types.js';
import type { Clock } from '../lib/clock.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { Logger } from '../lib/logger.js';
import type { CallTrace, SpanAttributes, TraceAlone } from '../lib/spans.js';

export interface Tracing {
  /** A call has begun. */
  began(call: ObservedCall): FollowedCall;
  /** A span of what no caller asked for. */
  readonly alone: TraceAlone;
  /** Sends what waits; gives up after a while where nobody takes it. */
  close(): Promise<void>;
}

/** By which collectors tell who made a span: etcd's names. */
const CALL_SCOPE = 'go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc';
const INNER_SCOPE = 'go.etcd.io/etcd';

const MILLION = 1_000_000;
/** Of a server's spans, by the conventions: the others are the caller's mistakes. */
const SERVER_FAILURES: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);
/** For one batch, as etcd's exporter gives it. */
const EXPORT_TIMEOUT_MS = 10_000;
/** Beyond this the end of the member does not wait for a collector. */
const FLUSH_TIMEOUT_MS = 2000;

export async function openTracing(
  { address, serviceName, instanceId, samplesPerMillion }: DistributedTracingOptions,
  { clock, logger, emulate }: { readonly clock: Clock; readonly logger: Logger; readonly emulate: EmulatedVersion },
): Promise<Tracing> {
  const [api, { OTLPTraceExporter }, { resourceFromAttributes }, sdk] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/exporter-trace-otlp-grpc'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace-base'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `http://${address}`, timeoutMillis: EXPORT_TIMEOUT_MS });
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': serviceName,
      ...(instanceId === '' ? {} : { 'service.instance.id': instanceId }),
    }),
    sampler: new sdk.ParentBasedSampler({
      root:
        samplesPerMillion === 0
          ? new sdk.AlwaysOffSampler()
          : new sdk.TraceIdRatioBasedSampler(samplesPerMillion / MILLION),
    }),
    spanProcessors: [new sdk.BatchSpanProcessor(telling(exporter, logger), { exportTimeoutMillis: EXPORT_TIMEOUT_MS })],
  });
  const tracer = provider.getTracer(CALL_SCOPE);
  const inner = differenceOf('tracesInsideCalls', emulate) ? provider.getTracer(INNER_SCOPE) : undefined;
  const conventions = differenceOf('spanConventions', emulate);
  logger.info('distributed tracing setup enabled');

  return {
    began(call) {
      const { path, header } = call;
      const parent = parentOf(header('traceparent'), header('tracestate'), api.createTraceState);
      const context = parent === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, parent);
      const options = { kind: api.SpanKind.SERVER, attributes: callAttributes[conventions](call) };
      const span = tracer.startSpan(path.slice(1), options, context);
      const trace =
        inner && span.isRecording()
          ? new InnerSpans(span, inner, api.trace.setSpan(api.ROOT_CONTEXT, span))
          : undefined;
      return {
        trace,
        ended(code) {
          trace?.leave();
          const [name, value] = statusAttribute[conventions](code);
          span.setAttribute(name, value);
          if (SERVER_FAILURES.has(code)) span.setStatus({ code: api.SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    alone(name, attributes) {
      const trace = inner && new InnerSpans(undefined, inner, api.ROOT_CONTEXT);
      trace?.enter(name, attributes);
      return trace;
    },
    async close() {
      const error = await Promise.race([
        provider.shutdown().then(
          () => undefined,
          (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
        ),
        new Promise<string>((resolve) => {
          clock.after(FLUSH_TIMEOUT_MS, () => resolve('the collector does not answer'));
        }),
      ]);
      if (error !== undefined) logger.warn('failed to flush traces', { error });
    },
  };
}

/** A batch that is not taken is lost, which is told: the library would tell a global of its own. */
function telling(exporter: SpanExporter, logger: Logger): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const { error } = result;
        if (error !== undefined) logger.warn('failed to export traces', { spans: spans.length, error: error.message });
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

/** Those within a call's, one at a time but for what lasts beside. */
class InnerSpans implements CallTrace {
  #current: Span | undefined;

  constructor(
    readonly outer: Span | undefined,
    readonly tracer: Tracer,
    readonly context: Context,
  ) {}

  enter(name: string, attributes: SpanAttributes): void {
    this.leave();
    this.#current = this.#start(name, attributes);
  }

  leave(): void {
    this.#current?.end();
    this.#current = undefined;
  }

  begin(name: string, attributes: SpanAttributes): () => void {
    const span = this.#start(name, attributes);
    return () => span.end();
  }

  event(name: string): void {
    (this.#current ?? this.outer)?.addEvent(name);
  }

  failed(error: Error): void {
    (this.#current ?? this.outer)?.recordException({ name: error.name, message: error.message });
  }

  #start(name: string, attributes: SpanAttributes): Span {
    return this.tracer.startSpan(name, { attributes: storable(attributes) }, this.context);
  }
}

/** etcd-diff: the library has no whole numbers beyond those of a double; they are told as text then. */
function storable(attributes: SpanAttributes): Attributes {
  const entries = Object.entries(attributes).map(([name, value]): [string, string | number | boolean] => {
    if (typeof value !== 'bigint') return [name, value];
    const number = Number(value);
    return [name, Number.isSafeInteger(number) ? number : String(value)];
  });
  return Object.fromEntries(entries);
}

/** https://www.w3.org/TR/trace-context/#traceparent-header; later versions may have more fields behind these. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

function parentOf(
  traceparent: string | undefined,
  tracestate: string | undefined,
  createTraceState: (text: string) => NonNullable<SpanContext['traceState']>,
): SpanContext | undefined {
  const match = TRACEPARENT.exec(traceparent?.trim() ?? '');
  if (match === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = match;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId) || (version === '00' && more !== undefined)) return undefined;
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  };
}

type Conventions = 'older' | 'rpc-1.40';

/** https://opentelemetry.io/docs/specs/semconv/rpc/grpc/; before, those of 1.17 with the peer's address as 1.18's. */
const callAttributes: Readonly<Record<Conventions, (call: ObservedCall) => Attributes>> = {
  older: ({ path, peerAddress }) => {
    const [, service = '', method = ''] = path.split('/');
    return {
      ...{ 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method },
      ...addressAs('net.sock.peer.addr', 'net.sock.peer.port', peerAddress),
    };
  },
  'rpc-1.40': ({ path, localAddress }) => ({
    ...{ 'rpc.system.name': 'grpc', 'rpc.method': path.slice(1) },
    ...addressAs('server.address', 'server.port', localAddress),
  }),
};

const statusAttribute: Readonly<Record<Conventions, (code: Code) => readonly [string, string | number]>> = {
  older: (code) => ['rpc.grpc.status_code', code],
  'rpc-1.40': (code) => ['rpc.response.status_code', statusNames[code] ?? `CODE(${code})`],
};

/** https://grpc.io/docs/guides/status-codes/, by number. */
const statusNames = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
  ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
];

function addressAs(host: string, port: string, address: string): Attributes {
  const match = /^\[?(.*?)\]?:(\d+)$/.exec(address);
  return match === null ? {} : { [host]: match[1] ?? '', [port]: Number(match[2]) };
}
