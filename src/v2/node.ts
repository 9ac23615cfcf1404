/**
 * One node of the tree: a file with a value, or a directory with children. Nodes know their names, not their paths: a
 * path of ten thousand segments would otherwise be kept ten thousand times. For the same path's sake nothing here goes
 * down the tree by calling itself.
 */
import type { NodeView } from './event.js';
import { isHiddenName } from './path.js';
import { remainingSeconds } from './time.js';

export class Node {
  value = '';
  createdIndex: number;
  modifiedIndex: number;
  /** undefined = permanent. While set, the node is in the store's heap. */
  expireNs: bigint | undefined;
  /** Place in the heap; -1 outside. */
  heapIndex = -1;

  constructor(
    /** `''` for the root. */
    readonly name: string,
    createdIndex: number,
    readonly parent: Node | undefined,
    /** By name; undefined for a file. */
    readonly children: Map<string, Node> | undefined,
  ) {
    this.createdIndex = createdIndex;
    this.modifiedIndex = createdIndex;
  }

  get isDir(): boolean {
    return this.children !== undefined;
  }

  get path(): string {
    const names: string[] = [];
    for (let node: Node = this; node.parent !== undefined; node = node.parent) names.push(node.name);
    return `/${names.reverse().join('/')}`;
  }
}

/** The path of a child of the directory at `folder`. */
export const childPath = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`);

/** Calls `visit` with all nodes of the subtree and their paths, directories before what is in them. */
export function walk(top: Node, topPath: string, visit: (node: Node, path: string) => void): void {
  const pending: [Node, string][] = [[top, topPath]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [node, path] = next;
    visit(node, path);
    if (node.children !== undefined) {
      for (const [name, child] of node.children) pending.push([child, childPath(path, name)]);
    }
  }
}

export interface ViewOptions {
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly nowNs: bigint;
}

/** The node itself, without what is in it. */
export function viewOf(node: Node, key: string, nowNs: bigint): NodeView {
  const dir = node.isDir;
  const { expireNs, modifiedIndex, createdIndex } = node;
  const ttl = expireNs === undefined ? undefined : remainingSeconds(expireNs, nowNs);
  return { key, value: dir ? undefined : node.value, dir, expireNs, ttl, modifiedIndex, createdIndex };
}

/** The node with what is in it: one level, or all with `recursive`. Hidden names are left out below it. */
export function listingOf(top: Node, topKey: string, options: ViewOptions): NodeView {
  if (!top.isDir) return viewOf(top, topKey, options.nowNs);
  const root: Listing = { view: viewOf(top, topKey, options.nowNs), nodes: undefined };
  const pending: [Node, Listing][] = [[top, root]];
  const all: Listing[] = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [node, listing] = next;
    if (node.children === undefined) continue;
    listing.nodes = [];
    for (const [name, child] of node.children) {
      if (isHiddenName(name)) continue;
      const view = viewOf(child, childPath(listing.view.key, name), options.nowNs);
      const entry: Listing = { view, nodes: undefined };
      listing.nodes.push(entry);
      all.push(entry);
      if (options.recursive && child.isDir) pending.push([child, entry]);
    }
    if (options.sorted) listing.nodes.sort((a, b) => (a.view.key < b.view.key ? -1 : 1));
  }
  // Children stand after their parents in `all`: from the end on, each finds its own finished.
  for (let at = all.length - 1; at >= 0; at--) {
    const listing = all[at] as Listing;
    if (listing.nodes !== undefined) listing.view = { ...listing.view, nodes: listing.nodes.map(({ view }) => view) };
  }
  return root.view;
}

interface Listing {
  view: NodeView;
  nodes: Listing[] | undefined;
}
