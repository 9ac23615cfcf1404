/** Versions as far as clusters look at them: major and minor. */
export interface ParsedVersion {
  readonly major: number;
  readonly minor: number;
}

/** Of `3.5.30`, with or without what semver allows behind it; undefined for anything else. */
export function parseVersion(text: string): ParsedVersion | undefined {
  const found = /^(\d{1,9})\.(\d{1,9})\.\d{1,9}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
}

/** Negative: `a` is older. What is no version is older than all. */
export function compareMinor(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)].map((version) => version ?? { major: -1, minor: -1 });
  if (left === undefined || right === undefined) return 0;
  return left.major - right.major || left.minor - right.minor;
}

/** Whether a cluster of version `from` may be downgraded to `to`. */
export function isOneMinorBelow(to: string, from: string): boolean {
  const [target, source] = [parseVersion(to), parseVersion(from)];
  if (target === undefined || source === undefined) return false;
  return target.major === source.major && target.minor === source.minor - 1;
}
