/**
 * The body of a change of members: `{"peerURLs":[…]}`. Errors in the words of Go's encoding/json and etcd's
 * types.NewURLs.
 */
import { jsonSyntaxError } from '../../lib/go/json.js';
import { parseGoUrl, splitHostPort, UrlError } from '../../lib/go/url.js';
import { MessageError } from './answers/message-error.js';

const refusal = (message: string): MessageError => new MessageError(400, message);

/** Sorted. Throws MessageError. */
export function readPeerUrls(body: string): readonly string[] {
  const error = jsonSyntaxError(body);
  if (error !== undefined) throw refusal(error);
  const value: unknown = JSON.parse(body);
  const urls = value === null ? [] : urlsOf(value);
  if (urls.length === 0) throw refusal('no valid URLs given');
  return urls.map(checked).sort();
}

function urlsOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal(
      `json: cannot unmarshal ${kindOf(value)} into Go value of type struct { PeerURLs []string ` +
        `"json:\\"peerURLs\\"" }`,
    );
  }
  const fields = Object.entries(value).filter(([name]) => name.toLowerCase() === 'peerurls');
  const list: unknown = fields.at(-1)?.[1] ?? [];
  if (!Array.isArray(list)) {
    throw refusal(`json: cannot unmarshal ${kindOf(list)} into Go struct field .peerURLs of type []string`);
  }
  return list.map((item: unknown) => {
    if (item !== null && typeof item !== 'string') {
      throw refusal(`json: cannot unmarshal ${kindOf(item)} into Go struct field .peerURLs of type string`);
    }
    return item ?? '';
  });
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function checked(text: string): string {
  const trimmed = text.trim();
  try {
    const { scheme, host, path } = parseGoUrl(trimmed);
    if (scheme !== 'http' && scheme !== 'https' && scheme !== 'unix' && scheme !== 'unixs') {
      throw refusal(`URL scheme must be http, https, unix, or unixs: ${trimmed}`);
    }
    if (scheme.startsWith('unix')) return `${scheme}://${host}${path}`;
    if (splitHostPort(host) === undefined) {
      throw refusal(`URL address does not have the form "host:port": ${trimmed}`);
    }
    if (path !== '') throw refusal(`URL must not contain a path: ${trimmed}`);
    return `${scheme}://${host}`;
  } catch (cause) {
    if (cause instanceof UrlError) throw refusal(cause.message);
    throw cause;
  }
}
