import { successor } from '../bolt/compact.js';
import type { ReadTx } from '../bolt/types.js';
import { crc32c } from '../lib/crc32c.js';
import { latin1Text } from '../lib/latin1.js';

const HASH_STEP_ENTRIES = 500;

/** `pause` is awaited between the steps. */
export async function hashOf(
  tx: ReadTx,
  ignore: (bucket: string, key: Uint8Array) => boolean,
  pause: () => Promise<void>,
): Promise<number> {
  let hash = 0;
  const names: Uint8Array[] = [];
  tx.root.range(undefined, undefined, (name, _, isBucket) => isBucket && names.push(name.slice()));
  for (const name of names) {
    const bucket = tx.bucket(name);
    if (bucket === undefined) continue;
    const text = latin1Text(name);
    hash = crc32c(hash, name);
    let start: Uint8Array | undefined;
    for (let done = false; !done; ) {
      let entries = 0;
      let last: Uint8Array | undefined;
      done = bucket.range(start, undefined, (key, value, isBucket) => {
        if (!ignore(text, key)) {
          hash = crc32c(hash, key);
          // bbolt shows a nested bucket as a key without value.
          if (!isBucket) hash = crc32c(hash, value);
        }
        last = key;
        return ++entries < HASH_STEP_ENTRIES;
      });
      if (last !== undefined) start = successor(last);
      await pause();
    }
  }
  return hash;
}
