/**
 * The ways in which the members of a new cluster find each other, other than by naming them. One at most. (etcd's
 * server/embed/config.go)
 */
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { DiscoveryOptions } from './member-options.js';
import type { Values } from './options.js';

/** Whether one is chosen; a new cluster's members are then not named. */
export function discovers(values: Values): boolean {
  return values.discovery !== '' || values['discovery-srv'] !== '' || values['discovery-endpoints'].length > 0;
}

/** The first complaint, or undefined. */
export function checkDiscovery(values: Values, emulate: EmulatedVersion): string | undefined {
  const ways = [
    values.discovery !== '',
    values['discovery-srv'] !== '',
    values['discovery-endpoints'].length > 0,
    values['initial-cluster'] !== '',
  ];
  if (ways.filter(Boolean).length > 1) {
    return `multiple discovery or bootstrap flags are set. Choose one of ${differenceOf('waysToBegin', emulate)}`;
  }
  const isV2 = values.discovery !== '' || values['discovery-proxy'] !== '';
  const v3 = ['token', 'cert', 'key', 'cacert', 'user', 'password'] as const;
  const isV3 = values['discovery-endpoints'].length > 0 || v3.some((name) => values[`discovery-${name}`] !== '');
  if (isV2 && isV3) {
    return (
      'both v2 discovery settings (discovery, discovery-proxy) and v3 discovery settings (discovery-token, ' +
      'discovery-endpoints, ' +
      'discovery-cert, discovery-key, discovery-cacert, discovery-user, discovery-password) are set'
    );
  }
  if ((values['discovery-token'] !== '') !== values['discovery-endpoints'].length > 0) {
    return 'both --discovery-token and --discovery-endpoints must be set';
  }
  if (values['discovery-endpoints'].some((endpoint) => endpoint.trim() === '')) {
    return '--discovery-endpoints must not contain empty endpoints';
  }
  return undefined;
}

export function discoveryOptions(values: Values): DiscoveryOptions {
  if (values.discovery !== '') {
    const { discovery: url, 'discovery-proxy': proxy, 'discovery-fallback': fallback } = values;
    return { t: 'v2', url, proxy, fallback };
  }
  if (values['discovery-srv'] !== '') {
    return { t: 'srv', domain: values['discovery-srv'], serviceSuffix: values['discovery-srv-name'] };
  }
  if (values['discovery-endpoints'].length === 0) return { t: 'none' };
  return {
    t: 'v3',
    token: values['discovery-token'],
    endpoints: values['discovery-endpoints'],
    dialTimeoutMs: values['discovery-dial-timeout'],
    requestTimeoutMs: values['discovery-request-timeout'],
    keepaliveTimeMs: values['discovery-keepalive-time'],
    keepaliveTimeoutMs: values['discovery-keepalive-timeout'],
    insecureTransport: values['discovery-insecure-transport'],
    tls: {
      certFile: values['discovery-cert'],
      keyFile: values['discovery-key'],
      trustedCaFile: values['discovery-cacert'],
      insecureSkipVerify: values['discovery-insecure-skip-tls-verify'],
    },
    ...credentials(values['discovery-user'], values['discovery-password']),
  };
}

/** A password of its own, or the one behind the user's colon. */
function credentials(user: string, password: string): { username: string; password: string } {
  if (password !== '') return { username: user, password };
  const colon = user.indexOf(':');
  return colon < 0
    ? { username: user, password: '' }
    : { username: user.slice(0, colon), password: user.slice(colon + 1) };
}
