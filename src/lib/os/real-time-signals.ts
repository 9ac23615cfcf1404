/**
 * Real-time signals but the first: Go's runtime takes and forgets them, and Node has no names to hear them by.
 * https://pkg.go.dev/os/signal#hdr-Default_behavior_of_signals_in_Go_programs
 */
import { nativeCalls } from './native.js';

const SECOND = 35;
const LAST = 64;

export function forgetRealTimeSignals(): void {
  if (process.platform === 'linux') nativeCalls().ignoreSignals(SECOND, LAST);
}
