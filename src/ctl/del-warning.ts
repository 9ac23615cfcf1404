/** Two keys given to `del` are a range, not two keys: what etcdctl says about that, depending on its version. */

import type { Terminal } from '../cli/terminal.js';
import type { Clock } from '../lib/clock.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import { goQuote } from '../lib/go/quote.js';

const PAUSE_MS = 2000;

/** From 3.6 on there is time to think it over. */
export async function warnOfRange(
  range: { readonly key: string; readonly end: string },
  emulate: EmulatedVersion,
  { stderr, clock }: { readonly stderr: Terminal['stderr']; readonly clock: Clock },
): Promise<void> {
  switch (differenceOf('delRangeWarning', emulate)) {
    case 'none':
      return;
    case 'announce':
      stderr.write(
        'In etcd v3.6, the operation will be suspended for a few seconds to provide the user time to verify range.\n',
      );
      return;
    case 'pause':
      stderr.write(
        `Warning: Keys between ${goQuote(range.key)} and ${goQuote(range.end)} will be deleted. Please interrupt ` +
          `the command within next 2 seconds to cancel. You can provide \`--range\` flag to avoid the delay.\n`,
      );
      await new Promise<void>((resolve) => {
        clock.after(PAUSE_MS, resolve);
      });
  }
}
