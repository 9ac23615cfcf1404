/**
 * What happened to a key, as answers and watchers show it. Keys are whole paths of the store; those who show them cut
 * the namespace off.
 */
import { jsonString } from './json.js';
import { formatTime } from './time.js';

export type Action = 'get' | 'create' | 'set' | 'update' | 'delete' | 'compareAndSwap' | 'compareAndDelete' | 'expire';

/**
 * A node as of a moment. `value` is there for files that are shown with it, `nodes` for directories that are listed.
 */
export interface NodeView {
  readonly key: string;
  readonly value?: string | undefined;
  readonly dir: boolean;
  readonly expireNs?: bigint | undefined;
  /** Seconds left at that moment, rounded up. */
  readonly ttl?: number | undefined;
  readonly nodes?: readonly NodeView[] | undefined;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
}

export interface Event {
  readonly action: Action;
  readonly node: NodeView;
  readonly prevNode?: NodeView | undefined;
  /** The store's index when this was answered. */
  readonly etcdIndex: number;
  /** Renewed a TTL and nothing else: no watcher is notified. */
  readonly refresh: boolean;
}

/** Answered with 201. */
export function isCreated({ action, prevNode }: Event): boolean {
  return action === 'create' || (action === 'set' && prevNode === undefined);
}

/** As Go marshals it; keys lose `prefix`. `bare` leaves the nodes out. */
export function eventJson(event: Event, options: { readonly prefix: string; readonly bare?: boolean }): string {
  if (options.bare === true) return `{"action":"${event.action}"}`;
  const { action, node, prevNode } = event;
  const key = keyJson(node, options.prefix);
  if (prevNode === undefined) return `{"action":"${action}","node":${nodeJson(node, options.prefix, key)}}`;
  const prev = prevNode.key === node.key ? key : keyJson(prevNode, options.prefix);
  const nodes = `"node":${nodeJson(node, options.prefix, key)},"prevNode":${nodeJson(prevNode, options.prefix, prev)}`;
  return `{"action":"${action}",${nodes}}`;
}

/** As in a snapshot: whole keys, and whether it was a refresh. */
export function storedEventJson(event: Event): string {
  const json = eventJson(event, { prefix: '' });
  return event.refresh ? `${json.slice(0, -1)},"refresh":true}` : json;
}

/** Of a whole listing, however deep: by a list of what is still to be written, not by calling itself. */
export function nodeJson(top: NodeView, prefix: string, key = keyJson(top, prefix)): string {
  if (top.nodes === undefined || top.nodes.length === 0) return `{${opening(top, key)}${closing(top)}}`;
  const parts: string[] = [];
  const pending: (NodeView | string)[] = [top];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next === 'string') {
      parts.push(next);
      continue;
    }
    const { nodes = [] } = next;
    parts.push(`{${opening(next, keyJson(next, prefix))}`);
    if (nodes.length === 0) {
      parts.push(`${closing(next)}}`);
      continue;
    }
    parts.push(',"nodes":[');
    pending.push(`]${closing(next)}}`);
    for (let at = nodes.length - 1; at >= 0; at--) {
      pending.push(nodes[at] as NodeView);
      if (at > 0) pending.push(',');
    }
  }
  return parts.join('');
}

/** The field; `''` for the root of those that are shown. */
function keyJson({ key }: NodeView, prefix: string): string {
  const shown = key.startsWith(prefix) ? key.slice(prefix.length) : key;
  return shown === '' ? '' : `"key":${jsonString(shown)}`;
}

function opening(node: NodeView, key: string): string {
  // Nearly all: a key and its value.
  if (key !== '' && node.value !== undefined && !node.dir && node.expireNs === undefined && node.ttl === undefined)
    return `${key},"value":${jsonString(node.value)}`;
  let json = key;
  const field = (text: string): void => {
    json += json === '' ? text : `,${text}`;
  };
  if (node.value !== undefined) field(`"value":${jsonString(node.value)}`);
  if (node.dir) field('"dir":true');
  if (node.expireNs !== undefined) field(`"expiration":"${formatTime(node.expireNs)}"`);
  if (node.ttl !== undefined && node.ttl !== 0) field(`"ttl":${node.ttl}`);
  return json;
}

/** Every node is a directory or has a value: something always stands before this. */
function closing(node: NodeView): string {
  const modified = node.modifiedIndex === 0 ? '' : `,"modifiedIndex":${node.modifiedIndex}`;
  return node.createdIndex === 0 ? modified : `${modified},"createdIndex":${node.createdIndex}`;
}
