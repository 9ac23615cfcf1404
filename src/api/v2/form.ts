/**
 * Parameters of a request as Go's ParseForm reads them: of a form body first (of POST, PUT and PATCH alone), then of
 * the query; the first value of a name counts. Text is bytes as latin1. Error texts are Go's.
 */
import { goQuoteBytes } from '../../lib/go/quote.js';
import { BodyTooLargeError, collectBody, type HttpRequest } from '../../lib/http.js';
import { latin1Bytes, latin1Text } from '../../lib/latin1.js';
import type { Soon } from '../../lib/soon.js';

/** As in Go. */
const MAX_FORM_BYTES = 10 * 1024 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
const methodsWithForm: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

export class FormError extends Error {
  override readonly name = 'FormError';
}

/** First value of each name. */
export type Form = Pick<ReadonlyMap<string, string>, 'get' | 'has' | 'size'>;

/** Throws or rejects with FormError, after the body was read. */
export function readForm(request: HttpRequest, query: string): Soon<Form> {
  const errors: FormError[] = [];
  const body = methodsWithForm.has(request.method) ? formText(request, errors) : '';
  return body instanceof Promise ? body.then((text) => formOf(text, query, errors)) : formOf(body, query, errors);
}

function formOf(text: string, query: string, errors: FormError[]): Form {
  if (query === '' && errors.length === 0 && isValueAlone(text)) return new ValueAlone(text.slice(VALUE_IS.length));
  const form = new Map<string, string>();
  if (text !== '') parseQuery(text, form, errors);
  if (query !== '') parseQuery(query, form, errors);
  const first = errors[0];
  if (first !== undefined) throw first;
  return form;
}

const VALUE_IS = 'value=';

/** As sets mostly send it: with nothing that ends or escapes anything. */
function isValueAlone(text: string): boolean {
  if (!text.startsWith(VALUE_IS)) return false;
  return !(text.includes('&') || text.includes(';') || text.includes('%') || text.includes('+'));
}

class ValueAlone implements Form {
  readonly size = 1;

  constructor(readonly value: string) {}

  get(name: string): string | undefined {
    return name === 'value' ? this.value : undefined;
  }

  has(name: string): boolean {
    return name === 'value';
  }
}

/** The body, where it is a form; `''` where it is none, or can't be read. */
function formText({ headers, body }: HttpRequest, errors: FormError[]): Soon<string> {
  const type = headers['content-type'];
  if (type === undefined || type === '') return '';
  const media = type === FORM_TYPE ? { type } : parseMediaType(type);
  if (media.error !== undefined) errors.push(new FormError(media.error));
  if (media.type !== FORM_TYPE) return '';
  const { whole } = body;
  if (whole !== undefined && whole.length <= MAX_FORM_BYTES) return latin1Text(whole);
  return collectBody(body, MAX_FORM_BYTES).then(latin1Text, (cause: unknown) => {
    errors.push(new FormError(cause instanceof BodyTooLargeError ? 'http: POST too large' : 'unexpected EOF'));
    return '';
  });
}

/** What can't be read is passed over; the first reason is kept, but for separators, whose last one is. */
function parseQuery(query: string, form: Map<string, string>, errors: FormError[]): void {
  let error: FormError | undefined;
  for (let from = 0, to = 0; from <= query.length; from = to + 1) {
    to = query.indexOf('&', from);
    if (to < 0) to = query.length;
    if (to === from) continue;
    const pair = query.slice(from, to);
    if (pair.includes(';')) {
      error = new FormError('invalid semicolon separator in query');
      continue;
    }
    const at = pair.indexOf('=');
    try {
      const name = unescapeQuery(at < 0 ? pair : pair.slice(0, at));
      const value = at < 0 ? '' : unescapeQuery(pair.slice(at + 1));
      if (!form.has(name)) form.set(name, value);
    } catch (cause) {
      if (!(cause instanceof FormError)) throw cause;
      error ??= cause;
    }
  }
  if (error !== undefined) errors.push(error);
}

function unescapeQuery(text: string): string {
  if (!text.includes('%')) return text.includes('+') ? text.replaceAll('+', ' ') : text;
  const bad = /%(?![0-9a-fA-F]{2})[\s\S]{0,2}/.exec(text);
  if (bad !== null) throw new FormError(`invalid URL escape ${goQuoteBytes(latin1Bytes(bad[0]))}`);
  return text.replace(/\+|%([0-9a-fA-F]{2})/g, (_, hex?: string) =>
    hex === undefined ? ' ' : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const parameter = new RegExp(`^\\s*;\\s*(${TOKEN})\\s*=\\s*(?:(${TOKEN})|"((?:[^"\\\\\\r\\n]|\\\\.)*)")`);

/** As mime.ParseMediaType: a type may come with an error. */
function parseMediaType(text: string): { readonly type: string; readonly error?: string } {
  const semicolon = text.indexOf(';');
  const type = (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase();
  const main = new RegExp(`^${TOKEN}`).exec(type)?.[0];
  if (main === undefined) return { type: '', error: 'mime: no media type' };
  const rest = type.slice(main.length);
  if (rest !== '') {
    if (!rest.startsWith('/')) return { type: '', error: 'mime: expected slash after first token' };
    const sub = new RegExp(`^${TOKEN}`).exec(rest.slice(1))?.[0];
    if (sub === undefined) return { type: '', error: 'mime: expected token after slash' };
    if (rest.length > 1 + sub.length) return { type: '', error: 'mime: unexpected content after media subtype' };
  }
  const names = new Set<string>();
  for (let left = semicolon < 0 ? '' : text.slice(semicolon); left.trim() !== ''; ) {
    const found = parameter.exec(left);
    if (found === null) return left.trim() === ';' ? { type } : { type, error: 'mime: invalid media parameter' };
    const name = (found[1] ?? '').toLowerCase();
    if (names.has(name)) return { type: '', error: 'mime: duplicate parameter name' };
    names.add(name);
    left = left.slice(found[0].length);
  }
  return { type };
}
