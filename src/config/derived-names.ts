/**
 * Two defaults follow from other options: an advertised address that was not given, where the member listens on
 * 0.0.0.0, becomes the machine's; the initial cluster that was not given, where only the name was, becomes this member
 * under its name (embed.UpdateDefaultClusterFromName), or nothing where its members are to be found.
 */
import { discovers } from './discovery.js';
import { parseUrlList } from './listen-url.js';
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
  const peers = advertised(
    world,
    values['listen-peer-urls'],
    values['initial-advertise-peer-urls'],
    options['initial-advertise-peer-urls'].initial,
  );
  const clients = advertised(
    world,
    values['listen-client-urls'],
    values['advertise-client-urls'],
    options['advertise-client-urls'].initial,
  );
  const named = values.name !== options.name.initial;
  const isDefaultCluster = values['initial-cluster'] === options['initial-cluster'].initial;
  const follows = isDefaultCluster && !given.has('initial-cluster') && (named || discovers(values));
  const whenNamed = discovers(values) ? '' : peers.map((url) => `${values.name}=${url.text}`).join(',');
  return {
    ...values,
    'initial-advertise-peer-urls': peers,
    'advertise-client-urls': clients,
    'initial-cluster': follows ? whenNamed : values['initial-cluster'],
  };
}

function advertised(
  world: NamesWorld,
  listen: readonly ListenUrl[],
  advertise: readonly ListenUrl[],
  initial: readonly ListenUrl[],
): readonly ListenUrl[] {
  const [first] = listen;
  const isDefault = advertise.map((url) => url.text).join() === initial.map((url) => url.text).join();
  const [url] = advertise;
  if (first?.host !== '0.0.0.0' || !isDefault || url === undefined) return advertise;
  const host = world.defaultHost();
  if (host === undefined) {
    world.add('info', 'failed to detect default host', {});
    return advertise;
  }
  world.add('info', 'detected default host for advertise', { host });
  return parseUrlList(`${url.scheme}://${host}:${first.port}`);
}
