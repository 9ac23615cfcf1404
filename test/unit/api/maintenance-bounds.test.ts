/** How many hashes, snapshots and defragmentations run at once, and that those which end make room. */
import { describe, expect, it } from 'vitest';
import type { Guard } from '../../../src/api/v3/guard.js';
import { maintenanceHandlers } from '../../../src/api/v3/maintenance.js';
import type { ServerStream } from '../../../src/grpc/types.js';
import type { SnapshotRequest, SnapshotResponse } from '../../../src/proto/gen/etcdserverpb.js';
import { HashRequest } from '../../../src/proto/gen/etcdserverpb.js';

/** Work that ends when the test says so. */
class Works {
  readonly #ends: (() => void)[] = [];
  closed = 0;

  get begun(): number {
    return this.#ends.length;
  }

  run<T>(result: T): Promise<T> {
    return new Promise((resolve) => this.#ends.push(() => resolve(result)));
  }

  end(at: number): void {
    this.#ends[at]?.();
  }
}

function harness() {
  const works = new Works();
  const snapshot = { sizeBytes: 10, chunks: async function* () {}, close: () => works.closed++ };
  const maintenance = {
    hash: () => works.run(1),
    defragment: () => works.run(undefined),
    snapshot: () => works.run({ snapshot, storageVersion: '', sent() {} }),
  };
  const member = { emulate: '3.5', maintenance, header: () => undefined, currentRevision: 1 };
  const guard = { rootForMaintenance: async () => {} } as unknown as Guard;
  return { works, handlers: maintenanceHandlers(member as never, guard) };
}

async function* once() {
  yield {};
}
const stream = () =>
  ({ messages: once(), send: () => true, drained: async () => {} }) as unknown as ServerStream<
    SnapshotRequest,
    SnapshotResponse
  >;

const leave = (): boolean => {
  throw new Error('gone');
};

type Handlers = ReturnType<typeof harness>['handlers'];

describe('at once', () => {
  it.each<[string, number, (handlers: Handlers) => Promise<unknown>]>([
    ['hashes', 8, async (handlers) => handlers.hash(HashRequest.create(), {} as never)],
    ['snapshots', 32, (handlers) => handlers.snapshot(stream())],
    ['defragmentations', 8, async (handlers) => handlers.defragment({}, {} as never)],
  ])('so many %s are made (%i), and the next is one too many', async (_, most, call) => {
    const { works, handlers } = harness();
    const calls = Array.from({ length: most }, () => call(handlers));
    await expect.poll(() => works.begun).toBe(most);
    await expect(call(handlers)).rejects.toMatchObject({ row: 'tooManyRequests' });
    expect(works.begun).toBe(most);
    works.end(3);
    await calls[3];
    const another = call(handlers);
    await expect.poll(() => works.begun).toBe(most + 1);
    await expect(call(handlers)).rejects.toMatchObject({ row: 'tooManyRequests' });
    for (let at = 0; at <= most; at++) works.end(at);
    await Promise.all([...calls, another]);
  });

  it('a snapshot that its client leaves is closed and makes room', async () => {
    const { works, handlers } = harness();
    const gone = () => ({ ...stream(), send: leave }) as never;
    for (let i = 0; i < 40; i++) {
      const call = handlers.snapshot(gone());
      await expect.poll(() => works.begun).toBe(i + 1);
      works.end(i);
      await expect(call).rejects.toThrow('gone');
    }
    expect(works.closed).toBe(40);
  });
});
