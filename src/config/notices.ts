/** What etcd says of options that it takes, before it starts with them. */
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { LogFields } from '../lib/logger.js';
import type { LogLine } from './log-line.js';
import type { Values } from './options.js';

const STAGE_IGNORED =
  '--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user ' +
  'input.';

/** What 3.6 no longer has. */
const v2Options: ReadonlySet<string> = new Set([
  'enable-v2',
  'experimental-enable-v2v3',
  'proxy',
  'proxy-failure-wait',
  'proxy-refresh-interval',
  'proxy-dial-timeout',
  'proxy-write-timeout',
  'proxy-read-timeout',
]);

const warning = (message: string, fields: LogFields = {}): LogLine => ({ level: 'warn', message, fields });

/** Before the line that shows the words as they came. */
export function noticesOf(
  values: Values,
  given: ReadonlyMap<string, unknown>,
  emulate: EmulatedVersion,
): readonly LogLine[] {
  const lines: LogLine[] = [];
  if (values['listen-client-http-urls'].length === 0)
    lines.push(warning('Running http and grpc server on single port. This is not recommended for production.'));
  if (differenceOf('warnsOfV2Options', emulate)) {
    for (const name of [...given.keys()].sort()) {
      if (!v2Options.has(name)) continue;
      lines.push(warning(`--${name} is deprecated in 3.5 and will be decommissioned in 3.6.`));
    }
  }
  if (given.has('max-snapshots') && differenceOf('warnsOfMaxSnapshots', emulate))
    lines.push(warning('--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.'));
  if (given.has('v2-deprecation') && !differenceOf('hasV2Stages', emulate)) lines.push(warning(STAGE_IGNORED));
  return lines;
}

/** Of what has no effect where one listens in clear, and of the folder. */
export function noticesOfUrls(values: Values): readonly LogLine[] {
  const lines: LogLine[] = [];
  const hasPeerFiles = values['peer-cert-file'] !== '' || values['peer-key-file'] !== '';
  for (const { scheme, text } of values['listen-peer-urls']) {
    if (scheme !== 'http') continue;
    const url = { 'peer-url': text };
    if (hasPeerFiles)
      lines.push(warning('scheme is HTTP while key and cert files are present; ignoring key and cert files', url));
    if (values['peer-client-cert-auth']) {
      const what = 'scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL';
      lines.push(warning(what, url));
    }
  }
  const hasCertificate = values['cert-file'] !== '' || values['key-file'] !== '';
  for (const { scheme, text } of values['listen-client-urls']) {
    if (!hasCertificate || (scheme !== 'http' && scheme !== 'unix')) continue;
    const what = 'scheme is http or unix while key and cert files are present; ignoring key and cert files';
    lines.push(warning(what, { 'client-url': text }));
  }
  if (values['data-dir'] === '')
    lines.push(warning("'data-dir' was empty; using default", { 'data-dir': `${values.name}.etcd` }));
  return lines;
}
