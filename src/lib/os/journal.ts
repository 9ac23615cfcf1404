/**
 * systemd's journal as an output of the log: each record a datagram of fields, the record itself its message.
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL; etcd's client/pkg/logutil/zap_journal.go.
 */
import { statSync } from 'node:fs';
import { systemErrorText } from '../go/system-error.js';
import type { Level } from '../logger.js';
import { LogOutputError } from './log-output-error.js';
import { nativeCalls } from './native.js';

const SOCKET = '/run/systemd/journal/socket';

/** Of syslog. */
const priorities: Readonly<Record<Level, number>> = { debug: 7, info: 6, warn: 4, error: 3, panic: 2, fatal: 2 };

/** Sends a record; false when the journal did not take it. Throws LogOutputError where there is no journal. */
export function openJournal(socket: string = SOCKET): (line: string, level: Level) => boolean {
  try {
    statSync(socket);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? systemErrorText(String(cause.code)) : String(cause);
    throw new LogOutputError(`can't find journal (dial unixgram ${socket}: connect: ${reason})`, { cause });
  }
  return (line, level) => {
    try {
      const fields = [`PRIORITY=${priorities[level]}`, `PACKAGE=${packageOf(line)}`, 'SYSLOG_IDENTIFIER=etcd'];
      // One without a line end needs no length before it, and a record's only one is its last character.
      nativeCalls().sendDatagram(socket, `${fields.join('\n')}\nMESSAGE=${line.replaceAll('\n', ' ').trimEnd()}\n`);
      return true;
    } catch {
      return false;
    }
  };
}

/** Our part that the record is of: the folder of its caller, as etcd has it. */
function packageOf(line: string): string {
  const [, folder = 'etcd-ts'] = /"caller":"([^"]+)\/[^"/]*"/.exec(line) ?? [];
  return folder;
}
