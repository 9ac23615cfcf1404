/** Where the log goes and what is in it: what etcd refuses of these options, and what they come to. */
import { goQuote } from '../lib/go/quote.js';
import { parseLogRotation } from './log-rotation.js';
import type { LogLevel, LogOptions } from './member-options.js';
import type { Values } from './options.js';

/** The log is set up first, so its complaints come first. An unknown level is a panic, see `unknownLevel`. */
export function checkLog(values: Values): string | undefined {
  if (values.logger === 'capnslog') return '--logger=capnslog is removed in v3.5';
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

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'panic', 'fatal'];

/** Levels as zap names them; the empty word is info. */
export function parseLogLevel(text: string): LogLevel | undefined {
  if (text === '') return 'info';
  return levels.find((level) => level === text || level.toUpperCase() === text);
}

export function logOptionsOf(values: Values): LogOptions {
  const outputs = values['log-outputs'].map((output) => (output === 'default' ? 'stderr' : output));
  const rotation = values['enable-log-rotation'] ? parseLogRotation(values['log-rotation-config-json']) : undefined;
  return {
    // 3.4's older switch.
    level: values.debug ? 'debug' : (parseLogLevel(values['log-level']) ?? 'info'),
    format: values['log-format'] === 'console' ? 'console' : 'json',
    outputs: outputs.length === 0 ? ['stderr'] : outputs,
    ...(rotation !== undefined && !(rotation instanceof Error) ? { rotation } : {}),
  };
}
