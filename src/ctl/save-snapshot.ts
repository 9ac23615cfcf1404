/**
 * Fetches a member's database into a file. It is written beside its place and renamed when it is whole and on the disk,
 * so a snapshot that is there under its name is complete. As clientv3's snapshot package.
 */

import { Client } from '../client/client.js';
import { EtcdError, grpcTextOf } from '../client/errors.js';
import type { ClientOptions } from '../client/options.js';
import { osWorld } from '../client/os-world.js';
import type { DiskFile } from '../lib/disk.js';
import { formatMs } from '../lib/go/duration.js';
import { pathErrorText, systemErrorText } from '../lib/go/system-error.js';
import type { Logger } from '../lib/logger.js';
import { osDisk } from '../lib/os/disk.js';
import { wireErrors } from '../proto/errors.js';
import { humanSize } from './print/tables.js';

/** The database is whole sectors, the checksum follows. */
const SECTOR_BYTES = 512;
const CHECKSUM_BYTES = 32;
/** Only the owner may read what may hold anything. */
const PRIVATE_MODE = 0o600;

export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/** Resolves with the server's version, '' from those that do not tell. Throws SnapshotError or EtcdError. */
export async function saveSnapshot(
  options: ClientOptions,
  path: string,
  limits: {
    readonly timeoutMs: number | undefined;
    readonly logger: Logger;
    readonly clientLogger: Logger;
    /** What the record of what was fetched tells: how long it took, in seconds or words, and the server's version. */
    readonly tells: 'seconds' | 'nothing' | 'version';
    /** It begins with the first piece, and tells more of what goes wrong. */
    readonly waitsForPiece: boolean;
  },
): Promise<string> {
  const { logger, clientLogger, tells, waitsForPiece } = limits;

  const [endpoint] = options.endpoints;
  if (endpoint === undefined || options.endpoints.length !== 1) {
    const given = `[${options.endpoints.join(' ')}]`;
    throw new SnapshotError(`snapshot must be requested to one selected node, not multiple ${given}`);
  }
  await using client = new Client(options);
  await client.logIn();
  const partPath = `${path}.part`;
  const file = openPart(partPath);
  try {
    logger.info('created temporary db file', { path: partPath });
    const startMs = osWorld.clock.monotonicMs();
    let isOpen = false;
    let isFetching = false;
    const fetching = (): void => {
      if (!isFetching) logger.info('fetching snapshot', { endpoint });
      isFetching = true;
    };
    const onOpened = (): void => {
      isOpen = true;
      clientLogger.info('opened snapshot stream; downloading');
      if (!waitsForPiece) fetching();
    };
    const hooks = { ...limits, onOpened, onPiece: fetching };
    const { size, version } = await fetchInto(file, client, hooks).catch((error: Error) => {
      if (isOpen) clientLogger.warn('failed to receive from snapshot stream; closing', { error: grpcTextOf(error) });
      if (!isOpen || !waitsForPiece) throw error;
      throw new SnapshotError(isFetching ? `could not write snapshot: ${error.message}` : grpcTextOf(error), {
        cause: error,
      });
    });
    clientLogger.info('completed snapshot read; closing');
    if (size % SECTOR_BYTES !== CHECKSUM_BYTES) {
      throw new SnapshotError(`sha256 checksum not found [bytes: ${size}]`);
    }
    file.sync();
    const tookMs = osWorld.clock.monotonicMs() - startMs;
    const told = {
      seconds: { took: Math.round(tookMs * 1e6) / 1e9 },
      nothing: { took: 'now' },
      version: { took: formatMs(tookMs), 'etcd-version': version },
    };
    logger.info('fetched snapshot', { endpoint, size: humanSize(size), ...told[tells] });
    renamePart(partPath, path);
    logger.info('saved', { path });
    return version;
  } finally {
    file.close();
    if (osDisk.stat(partPath) !== undefined) osDisk.remove(partPath);
  }
}

function openPart(path: string): DiskFile {
  try {
    const file = osDisk.open(path, 'open-or-create', PRIVATE_MODE);
    file.truncate(0);
    return file;
  } catch (error) {
    throw new SnapshotError(`could not open ${path} (${pathErrorText('open', path, error)})`, { cause: error });
  }
}

function renamePart(from: string, to: string): void {
  try {
    osDisk.rename(from, to);
  } catch (cause) {
    const reason = systemErrorText(String((cause as { code?: unknown }).code));
    throw new SnapshotError(`could not rename ${from} to ${to} (rename ${from} ${to}: ${reason})`, { cause });
  }
}

async function fetchInto(
  file: DiskFile,
  client: Client,
  hooks: { readonly timeoutMs: number | undefined; readonly onOpened: () => void; readonly onPiece: () => void },
): Promise<{ size: number; version: string }> {
  const { timeoutMs, onOpened, onPiece } = hooks;
  const stop = new AbortController();
  const cancelTimer =
    timeoutMs === undefined ? undefined : osWorld.clock.after(timeoutMs, () => stop.abort(new Error('too late')));
  let size = 0;
  let version = '';
  try {
    for await (const piece of client.maintenance.snapshot({ signal: stop.signal, onOpened })) {
      onPiece();
      file.write([piece.blob], size);
      size += piece.blob.length;
      if (piece.version !== '') version = piece.version;
    }
    return { size, version };
  } catch (error) {
    if (stop.signal.aborted) throw new SnapshotError(wireErrors.contextDeadlineExceeded.message, { cause: error });
    if (error instanceof EtcdError) throw error;
    throw new SnapshotError(error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    cancelTimer?.();
  }
}
