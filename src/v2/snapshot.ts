/**
 * The store as raft snapshots carry it: etcd's own JSON, so that data directories and members of mixed clusters go back
 * and forth. As etcd's server/etcdserver/api/v2store/store.go.
 *
 *     { Root: node, WatcherHub: { EventHistory: { Queue: { Events, Size, Front, Back, Capacity }, StartIndex, LastIndex
 *     } },
 *       CurrentIndex, Stats, CurrentVersion: 2 }
 *     node: { Path, CreatedIndex, ModifiedIndex, ExpireTime, Value, Children: { name: node } | null for a file }
 *
 * Children stand in byte order of their names. Written and read level by level without a call for each: the tree may be
 * deep.
 */
import { atOneGo } from '../lib/in-steps.js';
import { type Action, type Event, type NodeView, storedEventJson } from './event.js';
import { HISTORY_CAPACITY } from './history.js';
import { bytesOf, jsonString } from './json.js';
import { JsonReader } from './json-reader.js';
import { childPath, type Node, walk } from './node.js';
import { readTree } from './saved-tree.js';
import type { V2Store } from './store.js';
import { formatTime, NEVER, parseTime } from './time.js';

const CHUNK_CHARACTERS = 256 * 1024;

export function saveStore(store: V2Store): Uint8Array {
  return atOneGo(savingInSteps(store));
}

/** As the store is now, whatever happens to it meanwhile, with pauses for others. */
export function savingInSteps(store: V2Store): Generator<undefined, Uint8Array> {
  const { events, size, front, back, startIndex, lastIndex } = store.hub.history.state;
  const queue = `"Size":${size},"Front":${front},"Back":${back},"Capacity":${events.length}}`;
  const end =
    `${queue},"StartIndex":${startIndex},"LastIndex":${lastIndex}}},"CurrentIndex":${store.index},` +
    `"Stats":${store.stats.toJson(store.hub.count)},"CurrentVersion":2}`;
  return written({ root: frozen(store.root), events: [...events], end });
}

/** What a node is at one moment. */
type FrozenNode = Pick<Node, 'name' | 'value' | 'createdIndex' | 'modifiedIndex' | 'expireNs'> & {
  readonly children: FrozenNode[] | undefined;
};

interface Frozen {
  readonly root: FrozenNode;
  readonly events: readonly (Event | undefined)[];
  /** All that comes after them. */
  readonly end: string;
}

function frozen(root: Node): FrozenNode {
  const freeze = ({ name, value, createdIndex, modifiedIndex, expireNs, children }: Node): FrozenNode => ({
    ...{ name, value, createdIndex, modifiedIndex, expireNs },
    children: children === undefined ? undefined : [],
  });
  const top = freeze(root);
  const pending: [Node, FrozenNode][] = [[root, top]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [node, into] = next;
    for (const child of node.children?.values() ?? []) {
      const copy = freeze(child);
      into.children?.push(copy);
      if (copy.children !== undefined) pending.push([child, copy]);
    }
  }
  return top;
}

function* written({ root, events, end }: Frozen): Generator<undefined, Uint8Array> {
  const chunks: Buffer[] = [];
  let text = '';
  for (const part of allParts(root, events)) {
    text += part;
    if (text.length < CHUNK_CHARACTERS) continue;
    chunks.push(Buffer.from(text, 'latin1'));
    text = '';
    yield;
  }
  chunks.push(Buffer.from(text + end, 'latin1'));
  return Buffer.concat(chunks);
}

function* allParts(root: FrozenNode, events: Frozen['events']): Generator<string> {
  yield '{"Root":';
  yield* nodeParts(root);
  yield ',"WatcherHub":{"EventHistory":{"Queue":{"Events":[';
  for (const [at, event] of events.entries())
    yield `${at > 0 ? ',' : ''}${event === undefined ? 'null' : storedEventJson(event)}`;
  yield '],';
}

function* nodeParts(root: FrozenNode): Generator<string> {
  const pending: ([FrozenNode, string] | string)[] = [[root, '/']];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next === 'string') {
      yield next;
      continue;
    }
    const [node, path] = next;
    const expires = node.expireNs === undefined ? NEVER : formatTime(node.expireNs);
    const own = `{"Path":${jsonString(path)},"CreatedIndex":${node.createdIndex},"ModifiedIndex":${node.modifiedIndex}`;
    yield `${own},"ExpireTime":"${expires}","Value":${jsonString(node.value)},"Children":`;
    const { children } = node;
    if (children === undefined) {
      yield 'null}';
      continue;
    }
    yield '{';
    pending.push('}}');
    children.sort((a, b) => (a.name < b.name ? 1 : -1));
    for (const [at, child] of children.entries()) {
      pending.push(
        [child, childPath(path, child.name)],
        `${at < children.length - 1 ? ',' : ''}${jsonString(child.name)}:`,
      );
    }
  }
}

/** Not a store in etcd's form. */
export class V2SnapshotError extends Error {
  override readonly name = 'V2SnapshotError';
  readonly code = 'ERR_V2_SNAPSHOT';
}

/** Makes `store` what was saved. Throws V2SnapshotError, leaving it as it is. */
export function recoverStore(store: V2Store, data: Uint8Array): void {
  atOneGo(recoveryInSteps(store, data))();
}

/** The same with pauses for others. What is returned makes `store` what was saved, in little time. */
export function* recoveryInSteps(store: V2Store, data: Uint8Array): Generator<undefined, () => void> {
  const { root, saved } = yield* savedIn(data);
  const history = historyOf(saved.WatcherHub?.EventHistory);
  // In the order in which names come: one that every member shares.
  const expiring: Node[] = [];
  walk(root, '/', (node) => {
    if (node.expireNs !== undefined) expiring.push(node);
  });
  yield;
  return () => {
    store.replace(root, saved.CurrentIndex ?? 0);
    store.hub.history.restore(history);
    store.stats.restore(saved.Stats ?? {});
    for (const node of expiring) store.heap.push(node);
  };
}

interface SavedEventNode {
  readonly key?: string;
  readonly value?: string;
  readonly dir?: boolean;
  readonly expiration?: string;
  readonly ttl?: number;
  readonly nodes?: readonly SavedEventNode[];
  readonly modifiedIndex?: number;
  readonly createdIndex?: number;
}

interface SavedEvent {
  readonly action: Action;
  readonly node: SavedEventNode;
  readonly prevNode?: SavedEventNode;
  readonly refresh?: boolean;
}

interface SavedHistory {
  readonly Queue?: {
    readonly Events?: readonly (SavedEvent | null)[];
    readonly Size?: number;
    readonly Front?: number;
    readonly Back?: number;
  };
  readonly StartIndex?: number;
  readonly LastIndex?: number;
}

/** All but the tree. */
interface SavedStore {
  readonly WatcherHub?: { readonly EventHistory?: SavedHistory };
  readonly CurrentIndex?: number;
  readonly Stats?: Readonly<Record<string, unknown>>;
}

interface Found {
  readonly root: Node;
  readonly saved: SavedStore;
}

/** The tree is read node by node: a store may be larger than any text, and takes seconds to read. */
function* savedIn(data: Uint8Array): Generator<undefined, Found> {
  try {
    const reader = new JsonReader(data);
    const rest: Record<string, unknown> = {};
    let root: Node | undefined;
    reader.open();
    for (let name = reader.name(true); name !== undefined; name = reader.name(false)) {
      if (name === 'Root') root = yield* readTree(reader);
      else rest[name] = reader.value();
    }
    reader.end();
    if (root === undefined) throw new Error('no Root');
    yield;
    return { root, saved: rest };
  } catch (cause) {
    throw new V2SnapshotError(`v2 store of the snapshot: ${(cause as Error).message}`, { cause });
  }
}

function historyOf(saved: SavedHistory | undefined) {
  const queue = saved?.Queue;
  const events = (queue?.Events ?? []).map((event) => (event === null ? undefined : eventOf(event)));
  while (events.length < HISTORY_CAPACITY) events.push(undefined);
  return {
    events,
    size: queue?.Size ?? 0,
    front: queue?.Front ?? 0,
    back: queue?.Back ?? 0,
    startIndex: saved?.StartIndex ?? 0,
    lastIndex: saved?.LastIndex ?? 0,
  };
}

function eventOf({ action, node, prevNode, refresh }: SavedEvent): Event {
  return {
    action,
    node: viewFrom(node),
    prevNode: prevNode === undefined ? undefined : viewFrom(prevNode),
    etcdIndex: node.modifiedIndex ?? 0,
    refresh: refresh === true,
  };
}

function viewFrom(saved: SavedEventNode): NodeView {
  return {
    key: bytesOf(saved.key ?? ''),
    value: saved.value === undefined ? undefined : bytesOf(saved.value),
    dir: saved.dir === true,
    expireNs: saved.expiration === undefined ? undefined : parseTime(saved.expiration),
    ttl: saved.ttl,
    modifiedIndex: saved.modifiedIndex ?? 0,
    createdIndex: saved.createdIndex ?? 0,
  };
}
