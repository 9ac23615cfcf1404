/** As much of a JavaScript syntax tree as a mutation needs: nodes have a type, a place, and other nodes in them. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

/** The node in a field that always has one. */
export function nodeAt(node: Node, field: string): Node {
  const value = node[field];
  if (!isNode(value)) throw new Error(`no node ${field} in ${node.type}`);
  return value;
}

/** What is right below a node, in reading order, with the field that it is in. */
export function* childrenOf(node: Node): Generator<{ readonly child: Node; readonly field: string }> {
  for (const [field, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield { child, field };
  }
}
