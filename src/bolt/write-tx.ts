import { BoltError } from './errors.js';
import type { FreePages } from './free-pages.js';
import type { Meta } from './meta.js';
import type { Page } from './page.js';
import type { Pager } from './pager.js';
import type { CommitTimes, WriteTx } from './types.js';
import { NodeBucket } from './write-bucket.js';
import type { WriteContext } from './write-context.js';

export interface PageRun {
  readonly start: number;
  readonly count: number;
}

/** What of a commit is the file's business. */
interface CommitSteps {
  tracked(): boolean;
  takeFreelist(): PageRun | undefined;
  write(pages: Page[], meta: Meta): void;
  finish(): void;
  finishAsync(): Promise<void>;
  fail(error: unknown): BoltError;
  nowMs(): number;
  committed(times: CommitTimes): void;
  end(): void;
}

export class NodeTx implements WriteTx, WriteContext {
  readonly txid: number;
  readonly pager: Pager;
  readonly root: NodeBucket;
  readonly #meta: Meta;
  readonly #free: FreePages;
  readonly #steps: CommitSteps;
  readonly #pages: Page[] = [];
  readonly #freed: PageRun[] = [];
  rebalanceMs = 0;
  #spillMs = 0;
  #writeBeganMs = 0;
  #tracked = false;
  #open = true;

  constructor(meta: Meta, pager: Pager, free: FreePages, steps: CommitSteps) {
    this.txid = meta.txid + 1;
    this.pager = pager;
    this.#meta = meta;
    this.#free = free;
    this.#steps = steps;
    this.root = new NodeBucket(
      this,
      { rootId: meta.rootId, sequence: meta.rootSequence, inline: undefined },
      { isTop: true },
    );
  }

  bucket(name: Uint8Array): NodeBucket | undefined {
    return this.root.bucket(name);
  }

  createBucket(name: Uint8Array): NodeBucket {
    return this.root.createBucket(name);
  }

  deleteBucket(name: Uint8Array): boolean {
    return this.root.deleteBucket(name);
  }

  commit(): void {
    this.assertOpen();
    try {
      this.#write();
      this.#steps.finish();
      this.#committed();
    } catch (error) {
      throw this.#steps.fail(error);
    } finally {
      this.#end();
    }
  }

  async commitAsync(): Promise<void> {
    this.assertOpen();
    try {
      this.#write();
      await this.#steps.finishAsync();
      this.#committed();
    } catch (error) {
      throw this.#steps.fail(error);
    } finally {
      this.#end();
    }
  }

  nowMs(): number {
    return this.#steps.nowMs();
  }

  rollback(): void {
    if (this.#open) this.#end();
  }

  assertOpen(): void {
    if (!this.#open) throw new BoltError('ERR_BOLT_CLOSED', this.pager.path, 'the transaction has ended');
  }

  allocate(pageCount: number): number {
    return this.#free.allocate(this.txid, pageCount, this.#tracked);
  }

  free(pageId: number, pageCount: number): void {
    this.#freed.push({ start: pageId, count: pageCount });
  }

  emit(page: Page): void {
    this.#pages.push(page);
  }

  #write(): void {
    this.#tracked = this.#steps.tracked();
    const beganMs = this.nowMs();
    const rootId = this.root.spillTop();
    this.#writeBeganMs = this.nowMs();
    this.#spillMs = this.#writeBeganMs - beganMs - this.rebalanceMs;
    const freelist = this.#steps.takeFreelist();
    if (freelist !== undefined) this.#freed.push(freelist);
    for (const { start, count } of this.#freed) this.#free.free(this.txid, start, count);
    this.#steps.write(this.#pages, {
      ...this.#meta,
      rootId,
      freelistId: undefined,
      highWater: this.#free.highWater,
      txid: this.txid,
    });
  }

  #committed(): void {
    const { rebalanceMs } = this;
    this.#steps.committed({ rebalanceMs, spillMs: this.#spillMs, writeMs: this.nowMs() - this.#writeBeganMs });
  }

  #end(): void {
    this.#open = false;
    this.#steps.end();
  }
}
