/**
 * Traces of calls for OpenTelemetry, as etcd's embed/config_tracing.go and otelgrpc make them: a span for each call,
 * its parent taken from the caller's `traceparent`, sent in batches over OTLP/gRPC. The packages are loaded only where
 * tracing is asked for.
 */
import type { Span, SpanContext } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { DistributedTracingOptions } from '../config/member-options.js';
import { Code, type ObservedCall } from '../grpc/types.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';

export interface Tracing {
  /** A call has begun; what is returned is called at its end. */
  began(call: ObservedCall): (code: Code) => void;
  /** Sends what waits; gives up after a while where nobody takes it. */
  close(): Promise<void>;
}

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
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
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
  const tracer = provider.getTracer('etcd-ts/otelgrpc');
  logger.info('distributed tracing setup enabled');

  return {
    began({ path, header, peerAddress }) {
      const [, service = '', method = ''] = path.split('/');
      const parent = parentOf(header('traceparent'), header('tracestate'), api.createTraceState);
      const context = parent === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, parent);
      const attributes = {
        'rpc.system': 'grpc',
        'rpc.service': service,
        'rpc.method': method,
        ...addressAttributes(peerAddress),
      };
      const span = tracer.startSpan(path.slice(1), { kind: api.SpanKind.SERVER, attributes }, context);
      return (code) => end(span, code, api.SpanStatusCode.ERROR);
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

function end(span: Span, code: Code, error: number): void {
  span.setAttribute('rpc.grpc.status_code', code);
  if (SERVER_FAILURES.has(code)) span.setStatus({ code: error });
  span.end();
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

function addressAttributes(address: string): Record<string, string | number> {
  const match = /^\[?(.*?)\]?:(\d+)$/.exec(address);
  if (match === null) return {};
  return { 'net.sock.peer.addr': match[1] ?? '', 'net.sock.peer.port': Number(match[2]) };
}
