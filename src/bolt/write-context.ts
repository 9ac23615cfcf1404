/** What buckets of a write transaction need of it, and what both halves of their work do with nodes. */
import { type BranchNode, nodeFrom, type TreeNode } from './node.js';
import type { Page } from './page.js';
import type { Pager } from './pager.js';

/** What a bucket needs of its transaction. */
export interface WriteContext {
  readonly pager: Pager;
  /** Throws once the transaction has ended. */
  assertOpen(): void;
  /** First page of a fresh run. Only during the commit. */
  allocate(pageCount: number): number;
  /** Takes effect with the commit. */
  free(pageId: number, pageCount: number): void;
  /** A finished page, to be written. */
  emit(page: Page): void;
  nowMs(): number;
  /** So long has been spent on merging what deletions left too small. */
  rebalanceMs: number;
}

/** A child taken apart, for changes. */
export function childNode({ pager }: WriteContext, parent: BranchNode, index: number): TreeNode {
  const child = parent.children[index] as number | TreeNode;
  if (typeof child !== 'number') return child;
  const node = nodeFrom(pager.page(child), pager);
  parent.children[index] = node;
  return node;
}

export function freeNode(context: WriteContext, node: TreeNode): void {
  if (node.pageId !== 0) context.free(node.pageId, node.pageCount);
  node.pageId = 0;
}
