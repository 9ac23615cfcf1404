/**
 * Composition root of `etcd gateway`: checks the addresses, binds the port, joins connections to endpoints. Order and
 * texts of the checks: etcd's etcdmain/gateway.go.
 */
import { goQuote } from '../lib/go/quote.js';
import { splitHostPort } from '../lib/go/url.js';
import type { Logger } from '../lib/logger.js';
import type { NetworkAddress } from '../lib/network.js';
import { osClock } from '../lib/os/clock.js';
import { lookUpHost } from '../lib/os/look-up.js';
import { osNetwork } from '../lib/os/net.js';
import { Gateway } from '../proxy/gateway/gateway.js';
import { type RemoteAddress, Remotes } from '../proxy/gateway/remotes.js';
import { discoverRemotes, type SrvDiscovery } from './discover-remotes.js';
import { ListenAddressError, parseListenAddress } from './listen-address.js';
import { StartRefusal } from './start-refusal.js';

export interface GatewayOptions {
  /** `host:port` */
  readonly listenAddr: string;
  /** `host:port`, with a scheme or without. Passed over where DNS names some. */
  readonly endpoints: readonly string[];
  /** Whose SRV records name the endpoints; undefined = none. */
  readonly discovery?: SrvDiscovery | undefined;
  /** 0 = five minutes. */
  readonly retryDelayMs: number;
}

export interface RunningGateway {
  readonly address: NetworkAddress;
  /** The port is bound; connections wait until this is called. */
  serve(): void;
  /** Breaks all connections. */
  close(): Promise<void>;
}

/** Throws StartRefusal; then nothing is left open. */
export async function startGateway(options: GatewayOptions, logger: Logger): Promise<RunningGateway> {
  const found = options.discovery === undefined ? [] : await discoverRemotes(options.discovery, logger);
  const remotes: readonly RemoteAddress[] =
    found.length > 0 ? found : options.endpoints.map(withoutScheme).map(remoteAddress);
  const listen = splitHostPort(options.listenAddr);
  if (listen === undefined) throw refusal(`failed to validate listen address: ${options.listenAddr}\n`);
  await refuseOwnAddress(remotes, { ...listen, text: options.listenAddr });
  if (remotes.length === 0) throw refusal('no endpoints found\n');
  const deps = { network: osNetwork, clock: osClock, logger, retryDelayMs: options.retryDelayMs };
  const gateway = new Gateway(new Remotes(remotes), deps);
  const listener = await bind(options.listenAddr, gateway);
  return {
    address: listener.address,
    serve: () => gateway.start(),
    close: async () => {
      await listener.close();
      gateway.close();
    },
  };
}

const refusal = (text: string): StartRefusal => new StartRefusal(text, 'stdout');

async function bind(listenAddr: string, gateway: Gateway) {
  try {
    const address = parseListenAddress(listenAddr);
    return await osNetwork.listen(address, gateway.accept, { halfOpen: true });
  } catch (cause) {
    if (cause instanceof ListenAddressError || (cause instanceof Error && 'code' in cause)) {
      throw new StartRefusal(`${cause.message}\n`, 'stderr', { cause });
    }
    throw cause;
  }
}

/** What follows `scheme://`, without a path. */
function withoutScheme(endpoint: string): string {
  const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/]+)/.exec(endpoint);
  return url?.[1] ?? endpoint;
}

function remoteAddress(endpoint: string): RemoteAddress {
  const split = splitHostPort(endpoint);
  if (split === undefined) throw refusal(`error parsing endpoint ${goQuote(endpoint)}`);
  // As etcd reads it: the digits in front; none are port 0, which nobody answers.
  return { host: split.host, port: Number(/^\d+/.exec(split.port)?.[0] ?? 0) % 65536 };
}

/** A gateway that is its own endpoint would dial itself until no descriptor is left. */
async function refuseOwnAddress(
  remotes: readonly RemoteAddress[],
  listen: { readonly host: string; readonly port: string; readonly text: string },
): Promise<void> {
  const own = await resolve(listen.host, 'failed to resolve listen host');
  for (const { host, port } of remotes) {
    const addresses = await resolve(host, 'failed to resolve endpoint host');
    if (String(port) !== listen.port) continue;
    const same = addresses.find((address) => own.includes(address));
    if (same === undefined) continue;
    const route = `${host}:${port}->${same}:${port}`;
    throw refusal(`SRV or endpoint (${route}) should not resolve to the gateway listen addr (${listen.text})\n`);
  }
}

async function resolve(host: string, complaint: string): Promise<readonly string[]> {
  try {
    return await lookUpHost(host);
  } catch (cause) {
    throw new StartRefusal(`${complaint}: ${host}\n`, 'stdout', { cause });
  }
}
