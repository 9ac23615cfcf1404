/** The folder that `path` lies in; `.` for a bare name. Paths are as the disk takes them, with `/`. */
export function parentOf(path: string): string {
  const slash = path.replace(/\/+$/, '').lastIndexOf('/');
  return slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash);
}
