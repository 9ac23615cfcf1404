/** Where the log goes and what is in it: what etcd refuses of these options, and what they come to. */
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import { type CapnslogLetter, parseCapnslogLevel } from '../lib/go/capnslog.js';
import { goQuote } from '../lib/go/quote.js';
import type { LogLine } from './log-line.js';
import { parseLogRotation } from './log-rotation.js';
import type { CapnslogOptions, LogLevel, LogOptions } from './member-options.js';
import type { Values } from './options.js';

/** What logs until the options are known. */
export const firstLog = (emulate: EmulatedVersion): LogOptions =>
  differenceOf('hasCapnslog', emulate)
    ? { format: 'capnslog', level: 'info', packageLetters: new Map(), output: 'stderr', showsPlaces: false }
    : { format: 'json', level: 'info', outputs: ['stderr'] };

/** The log is set up first, so its complaints come first. An unknown level is a panic, see `levelPanic`. */
export function checkLog(values: Values, emulate: EmulatedVersion): string | undefined {
  if (values.logger === 'capnslog')
    return differenceOf('hasCapnslog', emulate)
      ? checkCapnslogOutputs(values['log-outputs'])
      : '--logger=capnslog is removed in v3.5';
  if (values.logger !== 'zap') return `unknown logger option ${goQuote(values.logger)}`;
  const outputs = values['log-outputs'];
  if (outputs.length > 1 && outputs.includes('default')) return 'multi logoutput for "default" is not supported yet';
  if (outputs.length > 1 && outputs.includes('systemd/journal')) {
    const shown = [...outputs].sort().map(goQuote).join(' ');
    return (
      `running with systemd/journal but other '--log-outputs' values ([${shown}]) are configured with ` +
      `'default'; override 'default' value with something else`
    );
  }
  if (values['enable-log-rotation']) {
    const files = outputs.filter((output) => !['default', 'stderr', 'stdout', 'systemd/journal'].includes(output));
    // Of several outputs none need be a file, as with etcd: then nothing is rotated.
    if (files.length > 1 || (files.length === 0 && outputs.length <= 1))
      return '--log-outputs requires a single file path when --log-rotate-config-json is defined';
    const rotation = parseLogRotation(values['log-rotation-config-json']);
    if (rotation instanceof Error) return rotation.message;
  }
  const format = values['log-format'];
  if (format !== 'json' && format !== 'console') return `unknown log format: ${format}, supported values json, console`;
  return undefined;
}

function checkCapnslogOutputs(outputs: readonly string[]): string | undefined {
  const [output = 'default'] = outputs;
  if (outputs.length > 1) {
    const shown = [...outputs].sort().map(goQuote).join(' ');
    return `--logger=capnslog supports only 1 value in '--log-outputs', got [${shown}]`;
  }
  if (['default', 'stderr', 'stdout'].includes(output)) return undefined;
  return `unknown log-output ${goQuote(output)} (only supports "default", "stderr", "stdout")`;
}

export const LOG_OUTPUTS_CLASH = "both '--log-output' and '--log-outputs' are set; only set '--log-outputs'";

export type WeighedLogOutput =
  | { readonly t: 'clash'; readonly complaint: string }
  | {
      readonly t: 'ok';
      readonly values: Values;
      readonly warnings: readonly LogLine[];
      /** It is the newer one's value as well: the next look at them finds a clash. */
      readonly isTaken: boolean;
    };

/**
 * 3.4's `--log-output` beside `--log-outputs`. The older one counts where it names more outputs; a single one is only
 * spoken of. Source: 3.4's embed/config_logging.go.
 */
export function weighLogOutput(values: Values): WeighedLogOutput {
  const older = [...values['log-output']].sort();
  const newer = [...values['log-outputs']].sort();
  const same = { t: 'ok', values, warnings: [], isTaken: false } as const;
  if (older.length < newer.length) return same;
  if (older.length > newer.length) {
    const warnings = [bare("'--log-output' flag has been deprecated! Please use '--log-outputs'!")];
    return { t: 'ok', values: { ...values, 'log-outputs': older }, warnings, isTaken: true };
  }
  if (older.length > 1) return { t: 'clash', complaint: LOG_OUTPUTS_CLASH };
  if (older[0] === 'default') return same;
  const shown = `[${older.map(goQuote).join(' ')}]`;
  if (older[0] === newer[0]) {
    const both = `'--log-output=${shown}' and '--log-outputs=${shown}'`;
    return { t: 'clash', complaint: `${both} are incompatible; only set --log-outputs` };
  }
  const warnings = [
    bare(`[WARNING] Deprecated '--log-output' flag is set to ${shown}`),
    bare("Please use '--log-outputs' flag"),
  ];
  return { ...same, warnings };
}

const bare = (message: string): LogLine => ({ level: 'warn', message, fields: {}, isBare: true });

/** What 3.4 says of the older ways to ask for a log, whenever it looks at its options. */
export function deprecatedLogOptions(values: Values, emulate: EmulatedVersion): readonly LogLine[] {
  if (!differenceOf('hasCapnslog', emulate)) return [];
  const { debug, logger, 'log-level': level, 'log-package-levels': packages } = values;
  const warnings: string[] = [];
  // The missing bracket, and "Deprecated" of what is none, are etcd's.
  if (debug) warnings.push("Deprecated '--debug' flag is set to true (use '--log-level=debug' instead");
  if (debug && level !== 'debug')
    warnings.push(`Deprecated '--debug' flag is set to true with inconsistent '--log-level=${level}' flag`);
  if (logger === 'capnslog') warnings.push(deprecated('logger', logger));
  if (packages !== '') warnings.push(deprecated('log-package-levels', packages));
  return warnings.map((text) => bare(`[WARNING] ${text}`));
}

const deprecated = (name: string, value: string): string =>
  `Deprecated '--${name}=${value}' flag is set; use '--logger=zap' flag instead`;

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'panic', 'fatal'];

/** Levels as zap names them, in any case; the empty word is info. Nothing is logged as `dpanic`. */
export function parseLogLevel(text: string): LogLevel | undefined {
  if (text === '') return 'info';
  const word = text.toLowerCase();
  return word === 'dpanic' ? 'panic' : levels.find((level) => level === word);
}

/** How an unknown level ends in a panic. */
export const levelPanic = ({ logger, 'log-level': level }: Values): string =>
  `panic: ${logger === 'capnslog' ? `unknown level ${goQuote(level)}` : `unrecognized level: "${level}"`}\n`;

/** `raft=DEBUG,*=ERROR`; an Error when `text` says something else. */
export function parsePackageLevels(text: string): ReadonlyMap<string, CapnslogLetter> | Error {
  const letters = new Map<string, CapnslogLetter>();
  for (const setting of text === '' ? [] : text.split(',')) {
    const [name = '', word] = setting.split('=');
    if (word === undefined) return new Error(`oddly structured \`pkg=level\` option: ${setting}`);
    const letter = parseCapnslogLevel(word);
    if (letter === undefined) return new Error(`couldn't parse log level ${word}`);
    letters.set(name, letter);
  }
  return letters;
}

function capnslogOptionsOf(values: Values): CapnslogOptions {
  const [output = 'default'] = values['log-outputs'];
  const packageLetters = parsePackageLevels(values['log-package-levels']);
  return {
    format: 'capnslog',
    level: levelOf(values),
    packageLetters: packageLetters instanceof Error ? new Map() : packageLetters,
    output: output === 'stdout' ? 'stdout' : 'stderr',
    showsPlaces: values.debug && output !== 'default',
  };
}

/** `debug` is 3.4's older switch. */
const levelOf = (values: Values): LogLevel => (values.debug ? 'debug' : (parseLogLevel(values['log-level']) ?? 'info'));

export function logOptionsOf(values: Values): LogOptions {
  if (values.logger === 'capnslog') return capnslogOptionsOf(values);
  const outputs = values['log-outputs'].map((output) => (output === 'default' ? 'stderr' : output));
  const rotation = values['enable-log-rotation'] ? parseLogRotation(values['log-rotation-config-json']) : undefined;
  return {
    level: levelOf(values),
    format: values['log-format'] === 'console' ? 'console' : 'json',
    outputs: outputs.length === 0 ? ['stderr'] : outputs,
    ...(rotation !== undefined && !(rotation instanceof Error) ? { rotation } : {}),
  };
}
