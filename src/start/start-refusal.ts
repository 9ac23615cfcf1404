/** Why a proxy does not start: what etcd prints then, byte for byte, and where. The exit code is 1. */
export class StartRefusal extends Error {
  override readonly name = 'StartRefusal';
  constructor(
    /** With its line end, if it has one. */
    readonly text: string,
    readonly to: 'stdout' | 'stderr',
    options?: { cause?: unknown },
  ) {
    super(text.trimEnd(), options);
  }
}
