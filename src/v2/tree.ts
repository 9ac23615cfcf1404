/** Ways through the store's tree: down to a node, or down to a directory that is made where it is missing. */
import { Node } from './node.js';

/** The namespaces: the cluster's members, and the keys of users. They, like the root, can't be written. */
export const CLUSTER_PREFIX = '/0';
export const KEYS_PREFIX = '/1';

/** Why there is no node at a path. */
export interface Missing {
  readonly row: 'keyNotFound' | 'notDir';
  readonly cause: string;
}

export function lookUp(root: Node, key: string): Node | Missing {
  let node = root;
  for (let from = 1; from < key.length; ) {
    const end = segmentEnd(key, from);
    if (node.children === undefined) return { row: 'notDir', cause: key.slice(0, from - 1) };
    const child = node.children.get(key.slice(from, end));
    if (child === undefined) return { row: 'keyNotFound', cause: key.slice(0, end) };
    node = child;
    from = end + 1;
  }
  return node;
}

/**
 * The directory at `key[0, length)`, made where it is missing. Fails before it makes anything: a file can only be above
 * what is missing.
 */
export function makeFolders(root: Node, key: string, length: number, index: number): Node | Missing {
  let node = root;
  for (let from = 1; from <= length; ) {
    const end = segmentEnd(key, from);
    const name = key.slice(from, end);
    const children = node.children as Map<string, Node>;
    let child = children.get(name);
    if (child === undefined) {
      child = new Node(name, index, node, new Map());
      children.set(name, child);
    }
    if (!child.isDir) return { row: 'notDir', cause: key.slice(0, end) };
    node = child;
    from = end + 1;
  }
  return node;
}

/** As in a new store: the namespaces, with nothing in them. */
export function emptyRoot(): Node {
  const root = new Node('', 0, undefined, new Map());
  for (const prefix of [CLUSTER_PREFIX, KEYS_PREFIX]) {
    root.children?.set(prefix.slice(1), new Node(prefix.slice(1), 0, root, new Map()));
  }
  return root;
}

const segmentEnd = (key: string, from: number): number => {
  const slash = key.indexOf('/', from);
  return slash < 0 ? key.length : slash;
};
