/** Paths of keys, as Go's package path handles them. All text is bytes as latin1. */

/** Rooted, without empty, `.` and `..` segments: `/a/b`, or `/`. What climbs above the root stays at it. */
export function cleanPath(path: string): string {
  if (isClean(path)) return path;
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** Nearly all paths are: looking costs less than cutting them up. */
function isClean(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  if (path.length === 1) return true;
  if (path.charCodeAt(path.length - 1) === SLASH) return false;
  return !path.includes('//') && !path.includes('/.');
}

const SLASH = 0x2f;

/** The last segment. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Left out of listings of its parent, and of what a watcher above it hears. */
export function isHiddenName(name: string): boolean {
  return name.charCodeAt(0) === UNDERSCORE;
}

const UNDERSCORE = 0x5f;

/**
 * Whether `key` is hidden to a watcher of `watched`: something below there is. A watcher below `key` (it is a directory
 * that goes) sees it.
 */
export function isHiddenTo(watched: string, key: string): boolean {
  return watched.length <= key.length && cleanPath(`/${key.slice(watched.length)}`).includes('/_');
}
