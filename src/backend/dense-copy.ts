/** The copy that a defragmentation makes: what is in the file, without the pages that are free. */
import type { Bolt } from '../bolt/bolt.js';
import { compactInto } from '../bolt/compact.js';
import { openFile, removeQuietly } from './files.js';
import type { BackendOptions } from './options.js';
import { pauses } from './slices.js';

/** Opened and locked, under the name `temporary`; undefined when it gave up, because nobody wants it any more. */
export async function denseCopy(
  bolt: Bolt,
  temporary: string,
  options: BackendOptions,
  isUnwanted: () => boolean,
): Promise<Bolt | undefined> {
  const { disk, failpoints } = options;
  try {
    await failOn('defragOpenFileError', options);
    await failpoints?.wait('defragBeforeCopy');
    await failOn('defragdbFail', options);
    if (!(await copyDensely(bolt, temporary, options, isUnwanted))) {
      removeQuietly(disk, temporary);
      return undefined;
    }
    await failpoints?.wait('defragBeforeRename');
    // Locked before it gets the name, so that at no moment the name stands for an unlocked file.
    return openFile(options, { path: temporary, dense: true });
  } catch (error) {
    // The old file is whole and stays in use: running out of space here is an answer, not the end of the member.
    removeQuietly(disk, temporary);
    throw error;
  }
}

async function failOn(name: 'defragOpenFileError' | 'defragdbFail', { failpoints }: BackendOptions): Promise<void> {
  const message = await failpoints?.wait(name);
  if (message !== undefined) throw new Error(message);
}

/** False when it gave up. */
async function copyDensely(
  bolt: Bolt,
  temporary: string,
  { disk, clock }: BackendOptions,
  isUnwanted: () => boolean,
): Promise<boolean> {
  const file = disk.open(temporary, 'create', 0o600);
  const tx = bolt.beginRead();
  try {
    const pause = pauses(clock);
    for (const _ of compactInto(tx, file)) {
      await pause();
      if (isUnwanted()) return false;
    }
    return !isUnwanted();
  } finally {
    tx.close();
    file.close();
  }
}
