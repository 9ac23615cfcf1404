import { BoltError } from './errors.js';
import type { Meta } from './meta.js';
import type { Pager } from './pager.js';
import { type Guard, PageBucket } from './read-bucket.js';
import type { ReadTx } from './types.js';

/** What a reader needs of the open file. */
interface OpenFile {
  readonly path: string;
  readonly pager: Pager;
  assertOpen(): void;
}

export class PinnedTx implements ReadTx, Guard {
  readonly meta: Meta;
  readonly root: PageBucket;
  readonly #bolt: OpenFile;
  readonly #unpin: () => void;
  #open = true;

  constructor(bolt: OpenFile, meta: Meta, unpin: () => void) {
    this.#bolt = bolt;
    this.meta = meta;
    this.#unpin = unpin;
    this.root = new PageBucket(bolt.pager, this, {
      rootId: meta.rootId,
      sequence: meta.rootSequence,
      inline: undefined,
    });
  }

  get txid(): number {
    return this.meta.txid;
  }

  get highWaterPages(): number {
    return this.meta.highWater;
  }

  assertOpen(): void {
    this.#bolt.assertOpen();
    if (!this.#open) throw new BoltError('ERR_BOLT_CLOSED', this.#bolt.path, 'the transaction is closed');
  }

  bucket(name: Uint8Array): PageBucket | undefined {
    return this.root.bucket(name);
  }

  close(): void {
    this.#open = false;
    this.#unpin();
  }
}
