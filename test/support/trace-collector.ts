/** A small collector of traces, as OTLP over gRPC is spoken: it decodes what it is sent. */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';

export type Attributes = Readonly<Record<string, unknown>>;

export interface CollectedSpan {
  readonly resource: Attributes;
  readonly resourceSchema: string;
  readonly scope: { readonly name: string; readonly version: string; readonly schema: string };
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly tookMs: number;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly status: { readonly code: number; readonly message: string };
  readonly flags: number | undefined;
}

export class TraceCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  requests = 0;
  readonly #server = new Server();
  address = '';

  async listen(at = '127.0.0.1:0'): Promise<this> {
    const same = (bytes: Buffer): Buffer => bytes;
    const method = {
      path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    this.#server.addService(
      { export: method },
      {
        export: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
          this.requests++;
          this.spans.push(...spansIn(call.request));
          done(null, Buffer.alloc(0));
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      this.#server.bindAsync(at, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}

// opentelemetry/proto/trace/v1/trace.proto, by its field numbers

type Fields = ReadonlyMap<number, readonly (Buffer | bigint)[]>;

function fieldsOf(bytes: Buffer): Fields {
  const fields = new Map<number, (Buffer | bigint)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: Buffer | bigint;
    switch (tag & 7) {
      case 0:
        value = varint();
        break;
      case 1:
        value = bytes.readBigUInt64LE(at);
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        value = bytes.subarray(at, at + length);
        at += length;
        break;
      }
      default:
        value = BigInt(bytes.readUInt32LE(at));
        at += 4;
    }
    const known = fields.get(tag >> 3);
    if (known === undefined) fields.set(tag >> 3, [value]);
    else known.push(value);
  }
  return fields;
}

const messages = (fields: Fields, number: number): Buffer[] => (fields.get(number) ?? []).filter(Buffer.isBuffer);
const message = (fields: Fields, number: number): Fields => fieldsOf(messages(fields, number)[0] ?? Buffer.alloc(0));
const textOf = (fields: Fields, number: number): string => String(messages(fields, number)[0] ?? '');
const hexOf = (fields: Fields, number: number): string => messages(fields, number)[0]?.toString('hex') ?? '';
const numberOf = (fields: Fields, number: number): bigint => {
  const value = fields.get(number)?.[0];
  return typeof value === 'bigint' ? value : 0n;
};

function attributesOf(fields: Fields, number: number): Attributes {
  return Object.fromEntries(
    messages(fields, number).map((bytes) => {
      const pair = fieldsOf(bytes);
      return [textOf(pair, 1), anyValue(message(pair, 2))];
    }),
  );
}

function anyValue(any: Fields): unknown {
  if (any.has(1)) return textOf(any, 1);
  if (any.has(2)) return numberOf(any, 2) === 1n;
  if (any.has(3)) return Number(BigInt.asIntN(64, numberOf(any, 3)));
  if (any.has(5)) return messages(message(any, 5), 1).map((each) => anyValue(fieldsOf(each)));
  return undefined;
}

function spansIn(request: Buffer): CollectedSpan[] {
  return messages(fieldsOf(request), 1).flatMap((bytes) => {
    const ofResource = fieldsOf(bytes);
    const resource = attributesOf(message(ofResource, 1), 1);
    return messages(ofResource, 2).flatMap((scopeBytes) => {
      const ofScope = fieldsOf(scopeBytes);
      const scope = message(ofScope, 1);
      return messages(ofScope, 2).map((spanBytes) => {
        const span = fieldsOf(spanBytes);
        const status = message(span, 15);
        return {
          resource,
          resourceSchema: textOf(ofResource, 3),
          scope: { name: textOf(scope, 1), version: textOf(scope, 2), schema: textOf(ofScope, 3) },
          traceId: hexOf(span, 1),
          spanId: hexOf(span, 2),
          traceState: textOf(span, 3),
          parentSpanId: hexOf(span, 4),
          name: textOf(span, 5),
          kind: Number(numberOf(span, 6)),
          tookMs: Number(numberOf(span, 8) - numberOf(span, 7)) / 1e6,
          attributes: attributesOf(span, 9),
          events: messages(span, 11).map((each) => {
            const event = fieldsOf(each);
            return { name: textOf(event, 2), attributes: attributesOf(event, 3) };
          }),
          status: { code: Number(numberOf(status, 3)), message: textOf(status, 2) },
          flags: span.has(16) ? Number(numberOf(span, 16)) : undefined,
        };
      });
    });
  });
}
