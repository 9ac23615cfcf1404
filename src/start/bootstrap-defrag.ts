/**
 * `--bootstrap-defrag-threshold-megabytes`: a database that would become so much smaller is made so before the member
 * serves.
 */
import type { FileBackend } from '../backend/options.js';
import { humanBytes } from '../lib/go/bytes.js';
import type { Logger } from '../lib/logger.js';

const MEGABYTE = 1024 * 1024;

/** Nothing else may use the database yet. `thresholdMegabytes` 0 = never. */
export async function maybeDefragment(
  backend: Pick<FileBackend, 'sizeBytes' | 'sizeInUseBytes' | 'defrag'>,
  thresholdMegabytes: number,
  logger: Logger,
): Promise<void> {
  if (thresholdMegabytes === 0) return;
  const { sizeBytes, sizeInUseBytes } = backend;
  const thresholdBytes = thresholdMegabytes * MEGABYTE;
  if (sizeBytes - sizeInUseBytes >= thresholdBytes) return backend.defrag();
  logger.info('Skipping defragmentation', {
    'current-db-size-bytes': sizeBytes,
    'current-db-size': humanBytes(sizeBytes),
    'current-db-size-in-use-bytes': sizeInUseBytes,
    'current-db-size-in-use': humanBytes(sizeInUseBytes),
    'experimental-bootstrap-defrag-threshold-bytes': thresholdBytes,
    'experimental-bootstrap-defrag-threshold': humanBytes(thresholdBytes),
  });
}
