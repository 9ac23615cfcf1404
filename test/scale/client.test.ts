/**
 * Thousands of watches on a stream that is lost again and again, of a server that compacts, splits its answers and
 * reports progress: each is given every event of its key once and in order, or learns of the compaction. And thousands
 * of leases kept alive on one stream.
 */
import { describe, expect, it } from 'vitest';
import { WatchCanceledError } from '../../src/client/errors.js';
import type { Watch } from '../../src/client/watch-types.js';
import type { Random } from '../../src/lib/random.js';
import {
  LeaseKeepAliveResponse,
  ResponseHeader,
  type WatchRequest,
  WatchResponse,
} from '../../src/proto/gen/etcdserverpb.js';
import { Event, KeyValue } from '../../src/proto/gen/mvccpb.js';
import type { FakeChannel, FakeStream } from '../support/fake-channel.js';
import { fakeClient } from '../support/fake-client.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

const KEYS = 40;

/** All that is ready has run its course. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The server's side of the stream that is open. */
class Server {
  revision = 1;
  compactedAt = 0;
  /** Revisions at which a key was put, by key. */
  readonly puts = Array.from({ length: KEYS }, () => [] as number[]);
  readonly watches = new Map<bigint, { key: number; next: number }>();
  /** It was in the middle of an answer. */
  isBroken = false;
  #stream: FakeStream | undefined;
  #read = 0;
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  put(): void {
    this.revision++;
    for (let count = 1 + this.random.below(3); count > 0; count--) {
      const list = this.puts[this.random.below(KEYS)];
      if (list?.at(-1) !== this.revision) list?.push(this.revision);
    }
  }

  /** Takes up what was asked for since, on a new stream with nothing of the old one. */
  takeUp(stream: FakeStream): void {
    if (this.#stream !== stream) {
      this.#stream = stream;
      this.#read = 0;
      this.watches.clear();
    }
    while (this.#read < stream.sent.length) {
      const { requestUnion: request } = stream.sent[this.#read++] as WatchRequest;
      if (request.case === 'cancelRequest') {
        this.watches.delete(request.value.watchId);
        this.#answer({ watchId: request.value.watchId, canceled: true });
      }
      if (request.case !== 'createRequest') continue;
      const { key, startRevision } = request.value;
      const watchId = BigInt(this.#read);
      this.#answer({ watchId, created: true });
      const next = startRevision === 0 ? this.revision + 1 : startRevision;
      if (next < this.compactedAt) this.#answer({ watchId, canceled: true, compactRevision: this.compactedAt });
      else this.watches.set(watchId, { key: Number(Buffer.from(key).toString()), next });
    }
  }

  /** Some of what each watch is behind, or all of it. */
  tell({ isAll = false } = {}): void {
    const { random } = this;
    for (const [watchId, watch] of this.watches) {
      if (!isAll && random.below(3) !== 0) continue;
      const waiting = this.puts[watch.key]?.filter((revision) => revision >= watch.next) ?? [];
      const told = isAll ? waiting : waiting.slice(0, random.below(waiting.length + 1));
      const events = told.map((modRevision) =>
        Event.create({ kv: KeyValue.create({ key: Buffer.from(`${watch.key}`), modRevision }) }),
      );
      if (told.length === waiting.length && random.below(6) === 0) {
        if (told.length === 0) this.#answer({ watchId });
        watch.next = told.length === 0 ? this.revision + 1 : watch.next;
      }
      while (events.length > 0) {
        const part = events.splice(0, random.below(4) === 0 ? 1 + random.below(events.length) : events.length);
        this.#answer({ watchId, events: part, fragment: events.length > 0 });
        // The stream may be lost in the middle of an answer.
        if (!isAll && events.length > 0 && random.below(50) === 0) {
          this.isBroken = true;
          return;
        }
      }
      watch.next = Math.max(watch.next, (told.at(-1) ?? 0) + 1);
    }
  }

  #answer(fields: Partial<WatchResponse>): void {
    this.#stream?.answer(
      WatchResponse.create({ header: ResponseHeader.create({ revision: this.revision }), ...fields }),
    );
  }
}

describe('thousands of watches on one stream', () => {
  it(
    'are given every event once, through losses and compactions',
    () =>
      seeded(async (random) => {
        let channel: FakeChannel | undefined;
        const { client, clock } = fakeClient((made) => {
          channel = made;
        });
        const server = new Server(random);
        /** The stream that is open. */
        const current = (): FakeStream | undefined => {
          const stream = channel?.streams.at(-1);
          return stream === lost ? undefined : stream;
        };
        let lost: FakeStream | undefined;
        const lose = (): void => {
          lost = channel?.streams.at(-1);
          channel?.lose();
          server.isBroken = false;
        };
        const reading: Promise<void>[] = [];
        const open: { watch: Watch; key: number; from: number; got: number[]; end: unknown }[] = [];
        const total = scaled(80);
        for await (const step of steps(total)) {
          for (let count = random.below(step < total / 4 ? 60 : 5); count > 0; count--) {
            const key = random.below(KEYS);
            const revision =
              random.below(2) === 0 ? 0 : Math.max(1, server.compactedAt, server.revision - random.below(60));
            const watch = client.watch(`${key}`, { revision, fragment: true });
            const one = { watch, key, from: revision, got: [] as number[], end: undefined as unknown };
            open.push(one);
            watch.started.then(
              (at) => {
                if (revision === 0) one.from = at + 1;
              },
              () => {},
            );
            const read = async (): Promise<void> => {
              for await (const { events } of watch) one.got.push(...events.map(({ kv }) => kv?.modRevision ?? 0));
            };
            reading.push(
              read().catch((cause: unknown) => {
                one.end = cause;
              }),
            );
          }
          await clock.advance(120);
          await turn();
          const stream = current();
          if (stream === undefined) continue;
          server.takeUp(stream);
          for (let count = random.below(30); count > 0; count--) server.put();
          server.tell();
          if (random.below(3) === 0) await turn();
          if (server.isBroken || random.below(6) === 0) lose();
          if (random.below(25) === 0)
            server.compactedAt = Math.max(server.compactedAt, server.revision - random.below(100));
          if (random.below(5) === 0) open[random.below(open.length)]?.watch.cancel();
        }
        // All that are left are told all.
        for (let round = 0; round < 70; round++) {
          await clock.advance(120);
          await turn();
          const stream = current();
          if (stream === undefined) continue;
          server.takeUp(stream);
          server.tell({ isAll: round >= 60 });
          if (server.isBroken) lose();
          await turn();
        }
        for (const { key, from, got, end, watch } of open) {
          const wanted = (server.puts[key] ?? []).filter((revision) => revision >= from);
          const isLost = end instanceof WatchCanceledError;
          if (!isLost && end !== undefined) throw end;
          expect(got).toEqual(wanted.slice(0, got.length));
          const next = wanted[got.length];
          if (isLost) expect(end.compactRevision).toBeGreaterThan(from);
          else if (next !== undefined && !(await isOver(watch))) throw new Error(`${key} misses ${next}`);
        }
        for (const { watch } of open) watch.cancel();
        await Promise.all(reading);
        await client.close();
      }),
    SCALED_TIMEOUT_MS,
  );
});

/** Canceled by its reader: nothing more comes. */
async function isOver(watch: Watch): Promise<boolean> {
  return Promise.race([
    watch.next().then(({ done }) => done === true),
    Promise.resolve()
      .then(() => turn())
      .then(() => false),
  ]);
}

describe('thousands of leases kept alive', () => {
  it(
    'are each renewed in time, whatever the others do, and none twice',
    async () => {
      let channel: FakeChannel | undefined;
      const { client, clock } = fakeClient((made) => {
        channel = made;
      });
      const count = scaled(3000);
      const ttlOf = (id: number): number => [3, 9, 60][id % 3] as number;
      const renewals = Array.from({ length: count }, () => 0);
      const kept = renewals.map((_, id) => client.keepAlive(BigInt(id + 1)));
      const reading = kept.map(async (renewed, id) => {
        for await (const { TTL } of renewed) {
          expect(TTL).toBe(ttlOf(id));
          (renewals[id] as number)++;
        }
      });
      let answered = 0;
      const SECONDS = 24;
      for (let halves = 0; halves < SECONDS * 2; halves++) {
        await clock.advance(500);
        const stream = channel?.streams.at(-1);
        for (; stream !== undefined && answered < stream.sent.length; answered++) {
          const { ID } = stream.sent[answered] as { ID: bigint };
          stream.answer(LeaseKeepAliveResponse.create({ ID, TTL: ttlOf(Number(ID) - 1) }));
        }
        await turn();
      }
      for (const [id, times] of renewals.entries()) {
        // At once, and whenever a third of the time has passed, as far as a round of half a second tells.
        const wanted = (SECONDS * 3) / ttlOf(id);
        expect(times).toBeGreaterThanOrEqual(Math.floor(wanted * 0.6));
        expect(times).toBeLessThanOrEqual(wanted + 1);
      }
      for (const renewed of kept) renewed.cancel();
      await Promise.all(reading);
      await client.close();
      expect(clock.pending).toBe(0);
    },
    SCALED_TIMEOUT_MS,
  );
});
