/** A name that was not found, as Go's resolver words it: with the server that it asked. */
import { getServers } from 'node:dns';

const reasons: Readonly<Record<string, string>> = {
  ENODATA: 'no such host',
  ENOTFOUND: 'no such host',
  ENONAME: 'no such host',
  EAI_NODATA: 'no such host',
  EAI_NONAME: 'no such host',
  EAI_AGAIN: 'server misbehaving',
  ECONNREFUSED: 'connection refused',
  ESERVFAIL: 'server misbehaving',
  EREFUSED: 'server misbehaving',
  ETIMEOUT: 'i/o timeout',
  // Go goes on waiting for a better answer.
  EBADRESP: 'i/o timeout',
};

/** `lookup a.example.com on 10.0.0.53:53: no such host` */
export function lookUpError(name: string, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const [server] = getServers();
  const asked = server === undefined ? '' : ` on ${/:\d+$/.test(server) ? server : `${server}:53`}`;
  return Object.assign(new Error(`lookup ${name}${asked}: ${reason}`, { cause }), { code });
}
