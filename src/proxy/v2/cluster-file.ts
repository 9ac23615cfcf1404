/**
 * `DATADIR/proxy/cluster`: the peer URLs that a v2 proxy knew last, `{"PeerURLs":[…]}`. It counts more than what the
 * proxy is told at its next start.
 */
import type { Disk } from '../../lib/disk.js';

export class ClusterFile {
  readonly path: string;
  readonly #dir: string;

  constructor(
    readonly disk: Disk,
    dataDir: string,
  ) {
    this.#dir = `${dataDir}/proxy`;
    this.path = `${this.#dir}/cluster`;
  }

  /** undefined when there is none. Throws SyntaxError for one that is no JSON. */
  read(): readonly string[] | undefined {
    if (this.disk.stat(this.path) === undefined) return undefined;
    const file = this.disk.open(this.path, 'read');
    try {
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      const content: unknown = JSON.parse(Buffer.from(bytes).toString());
      const urls = typeof content === 'object' && content !== null && 'PeerURLs' in content ? content.PeerURLs : [];
      return Array.isArray(urls) ? urls.filter((url): url is string => typeof url === 'string') : [];
    } finally {
      file.close();
    }
  }

  makeDir(): void {
    this.disk.makeDir(this.#dir, 0o700);
  }

  /** Whole or not at all: a second file takes the first one's place when it is on disk. */
  write(peerUrls: readonly string[]): void {
    const backup = `${this.path}.bak`;
    const bytes = Buffer.from(JSON.stringify({ PeerURLs: peerUrls }));
    const file = this.disk.open(backup, 'open-or-create', 0o600);
    try {
      file.truncate(0);
      file.write([bytes], 0);
      file.sync();
    } finally {
      file.close();
    }
    this.disk.rename(backup, this.path);
    this.disk.syncDir(this.#dir);
  }
}
