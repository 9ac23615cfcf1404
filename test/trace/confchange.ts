/** Traces of configuration changes: `simple`, `enter-joint`, `leave-joint` applied one after another. */
import { type Configuration, enterJoint, isRefused, leaveJoint, simple } from '../../src/raft/confchange/changer.js';
import { Inflights } from '../../src/raft/tracker/inflights.js';
import { describeConfig, describeProgress, emptyConfig } from '../../src/raft/tracker/tracker.js';
import { parseConfChanges } from './conf-changes.js';
import type { Directive } from './datadriven.js';

export function confChangeTrace(): (directive: Directive) => string {
  let current: Configuration = { config: emptyConfig, progress: new Map() };
  let lastIndex = 0;
  return ({ command, args, input }) => {
    const base = { ...current, lastIndex: lastIndex++, makeInflights: () => new Inflights(10, 0) };
    const changes = parseConfChanges(input);
    const run = (): ReturnType<typeof simple> => {
      switch (command) {
        case 'simple':
          return simple(base, changes);
        case 'enter-joint': {
          const autoLeave = args.some(({ key, values }) => key === 'autoleave' && values[0] === 'true');
          return enterJoint(base, { autoLeave }, changes);
        }
        case 'leave-joint':
          return changes.length > 0 ? { refused: 'this command takes no input' } : leaveJoint(base);
        default:
          return { refused: 'unknown command' };
      }
    };
    const result = run();
    if (isRefused(result)) return result.refused;
    current = result;
    return `${describeConfig(current.config)}\n${describeProgress(current.progress)}`;
  };
}
