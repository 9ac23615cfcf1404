/** The tree of a store as snapshots have it (see `snapshot.ts`), read node by node, without a call for each level. */
import type { JsonReader } from './json-reader.js';
import { Node } from './node.js';
import { baseName } from './path.js';
import { NEVER, parseTime } from './time.js';

const NODES_BEFORE_PAUSE = 1000;
const BYTES_BEFORE_PAUSE = 512 * 1024;

/** A node of which some fields have been read. */
class OpenNode {
  /** Made when it is known whether it is a directory. */
  node: Node | undefined;
  /** Whether its children are being read, or its own fields. */
  isInside = false;
  isFirst = true;
  path: string | undefined;
  createdIndex: number | undefined;
  modifiedIndex = 0;
  value = '';
  expireTime = NEVER;

  constructor(
    readonly parent: Node | undefined,
    /** Among its parent's children. */
    readonly key: string,
  ) {}

  make(children: Map<string, Node> | undefined): Node {
    const { path, createdIndex, parent } = this;
    if (path === undefined || createdIndex === undefined) throw new Error('a node without Path and CreatedIndex');
    this.node = new Node(parent === undefined ? '' : baseName(path), createdIndex, parent, children);
    return this.node;
  }

  finish(): Node {
    const node = this.node ?? this.make(undefined);
    node.modifiedIndex = this.modifiedIndex;
    node.value = this.value;
    node.expireNs = parseTime(this.expireTime);
    return node;
  }
}

/** With pauses for others. Throws SyntaxError and Error at what is no tree. */
export function* readTree(reader: JsonReader): Generator<undefined, Node> {
  const parents: OpenNode[] = [];
  let pausedAt = reader.position;
  let nodes = 0;
  reader.open();
  for (let at = new OpenNode(undefined, ''); ; ) {
    const name = reader.name(at.isFirst);
    at.isFirst = false;
    if (name !== undefined && at.isInside) {
      reader.open();
      parents.push(at);
      at = new OpenNode(at.node, name);
    } else if (name !== undefined) {
      readField(reader, at, name);
    } else if (at.isInside) {
      at.isInside = false;
    } else {
      const node = at.finish();
      const parent = parents.pop();
      if (parent === undefined) return node;
      parent.node?.children?.set(at.key, node);
      at = parent;
      if (++nodes < NODES_BEFORE_PAUSE && reader.position - pausedAt < BYTES_BEFORE_PAUSE) continue;
      nodes = 0;
      pausedAt = reader.position;
      yield;
    }
  }
}

function readField(reader: JsonReader, at: OpenNode, name: string): void {
  switch (name) {
    case 'Path':
      at.path = reader.string();
      break;
    case 'CreatedIndex':
      at.createdIndex = reader.number();
      break;
    case 'ModifiedIndex':
      at.modifiedIndex = reader.number();
      break;
    case 'ExpireTime':
      at.expireTime = reader.string();
      break;
    case 'Value':
      at.value = reader.string();
      break;
    case 'Children':
      if (reader.isNull()) break;
      reader.open();
      at.make(new Map());
      at.isInside = true;
      at.isFirst = true;
      break;
    default:
      reader.value();
  }
}
