/**
 * Two defaults follow from other options: an advertised address that was not given, where the member listens on
 * 0.0.0.0, becomes the machine's; the initial cluster that was not given, where only the name was, becomes this member
 * under its name (embed.UpdateDefaultClusterFromName), or nothing where its members are to be found.
 */
import { discovers } from './discovery.js';
import { parseUrlList, textsOf } from './listen-url.js';
import type { LogLine } from './log-line.js';
import type { ListenUrl } from './member-options.js';
import { options, type Values } from './options.js';

interface NamesWorld {
  /** The address of the default route. */
  readonly defaultHost: () => string | undefined;
  /** To what will be logged. */
  readonly add: (level: LogLine['level'], message: string, fields: LogLine['fields']) => void;
}

export function withDerivedNames(values: Values, given: ReadonlyMap<string, unknown>, world: NamesWorld): Values {
  const { 'listen-peer-urls': peerListen, 'listen-client-urls': clientListen } = values;
  const [peers, clients] = [values['initial-advertise-peer-urls'], values['advertise-client-urls']];
  const arePeersWanting = isWanting(peerListen, peers, options['initial-advertise-peer-urls'].initial);
  const areClientsWanting = isWanting(clientListen, clients, options['advertise-client-urls'].initial);
  const host = arePeersWanting || areClientsWanting ? detectedHost(world) : undefined;
  const advertisedPeers = arePeersWanting ? onHost(peers, host, peerListen) : peers;
  const named = values.name !== options.name.initial;
  const isDefaultCluster = values['initial-cluster'] === options['initial-cluster'].initial;
  const follows = isDefaultCluster && !given.has('initial-cluster') && (named || discovers(values));
  const whenNamed = discovers(values) ? '' : advertisedPeers.map((url) => `${values.name}=${url.text}`).join(',');
  return {
    ...values,
    'initial-advertise-peer-urls': advertisedPeers,
    'advertise-client-urls': areClientsWanting ? onHost(clients, host, clientListen) : clients,
    'initial-cluster': follows ? whenNamed : values['initial-cluster'],
  };
}

/** Whether it listens everywhere, and nobody has said where it is reached. */
function isWanting(
  listen: readonly ListenUrl[],
  advertise: readonly ListenUrl[],
  initial: readonly ListenUrl[],
): boolean {
  return listen[0]?.host === '0.0.0.0' && textsOf(advertise).join() === textsOf(initial).join();
}

function detectedHost({ add, defaultHost }: NamesWorld): string | undefined {
  const host = defaultHost();
  if (host === undefined) add('info', 'failed to detect default host', {});
  else add('info', 'detected default host for advertise', { host });
  return host;
}

function onHost(
  advertise: readonly ListenUrl[],
  host: string | undefined,
  [listen]: readonly ListenUrl[],
): readonly ListenUrl[] {
  const [url] = advertise;
  if (host === undefined || url === undefined || listen === undefined) return advertise;
  return parseUrlList(`${url.scheme}://${host}:${listen.port}`);
}
