/**
 * Failpoints of this process, as gofail's variables ask for them: `GOFAIL_FAILPOINTS` sets some, `GOFAIL_HTTP` says
 * where they can be set later.
 */
import { failpointService } from '../api/http/failpoints.js';
import { createHttpServer } from '../http1/server.js';
import { FailpointSet, type Failpoints, parseFailpoints } from '../lib/failpoints/failpoints.js';
import { splitHostPort } from '../lib/go/url.js';
import { osClock } from '../lib/os/clock.js';
import { osFailpointEffects } from '../lib/os/failpoints.js';
import { osNetwork } from '../lib/os/net.js';
import { osRandom } from '../lib/os/random.js';

/** What gofail says on standard output before it exits with 1. */
export class FailpointVariableError extends Error {
  override readonly name = 'FailpointVariableError';
}

type Variables = Readonly<Record<string, string | undefined>>;

/** The listener lives as long as the process. Rejects with FailpointVariableError. */
export async function openFailpoints(env: Variables): Promise<Failpoints> {
  const failpoints = new FailpointSet(osFailpointEffects, osRandom);
  const settings = parseFailpoints(env.GOFAIL_FAILPOINTS ?? '');
  if (settings instanceof Error) throw new FailpointVariableError(`fail to parse failpoint: ${settings.message}`);
  // Names that there are not are passed over, terms that are none are mentioned.
  for (const [name, terms] of settings) failpoints.set(name, terms);
  const address = env.GOFAIL_HTTP ?? '';
  if (address !== '') await serve(failpoints, address);
  return failpoints;
}

async function serve(failpoints: FailpointSet, address: string): Promise<void> {
  const parts = splitHostPort(address);
  if (parts === undefined) throw new FailpointVariableError(`listen tcp: address ${address}: missing port in address`);
  const server = createHttpServer(failpointService(failpoints), { clock: osClock });
  try {
    await osNetwork.listen({ t: 'tcp', host: parts.host, port: Number(parts.port) }, (connection) =>
      server.accept(connection),
    );
  } catch (cause) {
    throw new FailpointVariableError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
