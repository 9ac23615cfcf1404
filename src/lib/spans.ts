/** Spans of a call that is traced, as far as those know of them who carry it out. */

/** Numbers of 64 bits are whole ones. */
export type SpanAttributes = Readonly<Record<string, string | number | bigint | boolean>>;

/** A span of what no caller asked for; `leave` ends it. Undefined where nothing is traced. */
export type TraceAlone = (name: string, attributes: SpanAttributes) => CallTrace | undefined;

export interface CallTrace {
  /** A span within the call's; what is told from now on is told of it, until `leave` or the call's end. */
  enter(name: string, attributes: SpanAttributes): void;
  leave(): void;
  /** One within the call's that lasts until what is returned is called, whatever else goes on. */
  begin(name: string, attributes: SpanAttributes): () => void;
  event(name: string): void;
  failed(error: Error): void;
}
