/**
 * What a member shows of itself to those who look for what it is busy with: figures always, profiles and calls where
 * options ask for them.
 */
import { debugRequestsHandler, RequestLog } from '../api/http/debug-requests.js';
import { debugVarsHandler } from '../api/http/debug-vars.js';
import { type LoggedLevel, logLevelHandler } from '../api/http/log-level.js';
import { pprofHandler } from '../api/http/pprof.js';
import type { HttpHandler } from '../api/http/types.js';
import type { RpcCounts } from '../api/v3/register.js';
import type { MemberOptions } from '../config/member-options.js';
import { differenceOf } from '../lib/emulate.js';
import { osClock } from '../lib/os/clock.js';
import { descriptorLimit } from '../lib/os/descriptors.js';
import { commandLine, memoryFigures, osProfiler } from '../lib/os/profiler.js';
import type { Member } from '../member/member.js';

/**
 * `--log-level=debug` shows what `--enable-pprof` does, and calls too. `setLogLevel` is there for a member that is
 * alone in its process.
 */
export function debugHandlers(
  member: Member,
  { enablePprof, log }: Pick<MemberOptions, 'enablePprof' | 'log'>,
  counts: RpcCounts,
  setLogLevel: ((level: LoggedLevel) => void) | undefined,
): HttpHandler[] {
  const words = commandLine();
  const handlers = [
    debugVarsHandler({
      commandLine: words,
      descriptorLimit,
      memory: memoryFigures,
      raft: () => member.raftStatus(),
    }),
  ];
  if (setLogLevel !== undefined && differenceOf('setsLogLevel', member.emulate))
    handlers.push(logLevelHandler(setLogLevel));
  const isDebug = log.level === 'debug';
  if (enablePprof || isDebug) handlers.push(pprofHandler(osProfiler, words));
  if (isDebug) {
    const requests = new RequestLog(() => osClock.wallMs());
    counts.addHandledListener(({ service, method }, seconds, code) =>
      requests.add(`${service}/${method}`, seconds * 1000, code),
    );
    handlers.push(debugRequestsHandler(requests));
  }
  return handlers;
}
