/** Calls of the gateway without a port: a body that is posted, and the answer. */
import { gatewayHandler } from '../../src/api/gateway/gateway.js';
import type { LocalCalls } from '../../src/api/gateway/local-calls.js';
import { readTarget } from '../../src/api/http/target.js';
import type { HttpRequest, HttpResponse } from '../../src/lib/http.js';

/** `caller` may go away; `backlog` is what waits to be sent. */
export function gatewayOver(
  calls: LocalCalls,
  { caller = { isGone: false }, backlog = { bytes: 0 } } = {},
): (target: string, body: AsyncIterable<Uint8Array>) => Promise<HttpResponse> {
  const serve = gatewayHandler({
    calls,
    backlog,
    emulate: '3.5',
    maxReceiveBytes: 1 << 20,
    refusesCommonNames: () => false,
    allowsOrigin: () => true,
    metadataOverTls: new Map(),
  });
  return async (target, body) => {
    const request = {
      method: 'POST',
      target,
      protocol: 'HTTP/1.1',
      headers: {},
      body,
      peer: { address: '127.0.0.1:1', tls: undefined, connection: undefined },
      signal: new AbortController().signal,
      get isGone() {
        return caller.isGone;
      },
    } as unknown as HttpRequest;
    return (await serve(request, readTarget(target) as never)) as HttpResponse;
  };
}
