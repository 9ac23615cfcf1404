/**
 * The JSON values of a request's body, one after the other, as they arrive: a stream of requests is a body that goes
 * on. Bounded: one value at a time is held. Each byte is looked at once to find a value's end, and what is not yet
 * whole is parsed again only when it has doubled, to refuse what is no JSON as soon as etcd does.
 */
import { latin1Text } from '../../lib/latin1.js';
import { type JsonDocument, JsonEndError, parseJson } from './json/parse.js';

export class ValueTooLargeError extends Error {
  override readonly name = 'ValueTooLargeError';
  readonly code = 'ERR_VALUE_TOO_LARGE';
  constructor(readonly sizeBytes: number) {
    super(`JSON value of ${sizeBytes} bytes or more`);
  }
}

/** Throws JsonError for what is no JSON, after the values before it. */
export async function* jsonValues(
  body: AsyncIterable<Uint8Array>,
  maxValueBytes: number,
): AsyncGenerator<JsonDocument, undefined> {
  let held = '';
  let triedLength = 0;
  const finder = new EndFinder();
  for await (const chunk of body) {
    let text = latin1Text(chunk);
    for (let end = finder.find(text); ; end = finder.find(text)) {
      if (end !== undefined) {
        const document = parseJson(held + text.slice(0, end));
        held = '';
        triedLength = 0;
        text = text.slice(end);
        if (document !== undefined) yield document;
        continue;
      }
      held += text;
      if (held.length > maxValueBytes) throw new ValueTooLargeError(held.length);
      if (held.length >= triedLength * 2) {
        triedLength = held.length;
        const scalar = tryParse(held);
        // A bare word or number, which no request is: whoever reads it says so.
        if (scalar !== undefined) {
          held = '';
          finder.reset();
          yield scalar;
        }
      }
      break;
    }
  }
  const last = parseJson(held);
  if (last !== undefined) yield last;
}

function tryParse(text: string): JsonDocument | undefined {
  try {
    return parseJson(text);
  } catch (cause) {
    if (cause instanceof JsonEndError) return undefined;
    throw cause;
  }
}

/** Finds where a value in brackets ends, over any number of pieces. */
class EndFinder {
  #depth = 0;
  #inString = false;
  #escaped = false;

  reset(): void {
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
  }

  /** Behind the bracket that ends the value; undefined when it is not in this piece. */
  find(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (char === 0x5c) this.#escaped = true;
        else if (char === 0x22) this.#inString = false;
      } else if (char === 0x22) {
        this.#inString = true;
      } else if (char === 0x7b || char === 0x5b) {
        this.#depth++;
      } else if (char === 0x7d || char === 0x5d) {
        this.#depth--;
        if (this.#depth <= 0) {
          this.reset();
          return at + 1;
        }
      }
    }
    return undefined;
  }
}
