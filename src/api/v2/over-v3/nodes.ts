/** Keys of v3 as nodes of v2. */
import type { Event, NodeView } from '../../../v2/event.js';
import type { Stored } from './calls.js';
import { indexOf, parentOf, type V3Paths } from './paths.js';

export function viewOf(path: string, stored: Stored, { isDirectory }: { readonly isDirectory: boolean }): NodeView {
  return {
    key: path,
    dir: isDirectory,
    ...(isDirectory ? {} : { value: stored.value }),
    modifiedIndex: indexOf(stored.modRevision),
    createdIndex: indexOf(stored.createRevision),
  };
}

export function answer(event: Pick<Event, 'action' | 'node' | 'prevNode'>, revision: number): Event {
  return { ...event, etcdIndex: indexOf(revision), refresh: false };
}

/**
 * The tree of a directory, of which `levels` are what lies one level below it, two, and so on. Hidden names are shown,
 * as etcd does here.
 */
export function treeOf(
  paths: V3Paths,
  directory: string,
  levels: readonly (readonly Stored[])[],
  options: { readonly sorted: boolean },
): readonly NodeView[] {
  const top: NodeView[] = [];
  const directories = new Map([[directory, top]]);
  for (const stored of levels.flat()) {
    const place = paths.read(stored.key);
    const siblings = place === undefined ? undefined : directories.get(parentOf(place.path));
    if (place === undefined || siblings === undefined) continue;
    const view = viewOf(place.path, stored, place);
    const nodes: NodeView[] = [];
    if (place.isDirectory) directories.set(place.path, nodes);
    siblings.push(place.isDirectory ? { ...view, nodes } : view);
  }
  if (options.sorted) {
    for (const nodes of directories.values()) nodes.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  return top;
}
