/** Where a v2 proxy learns of its cluster's endpoints, and when it asks again. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { HttpAnswer, HttpAsk } from '../../../../src/lib/http-client.js';
import type { ClusterFile } from '../../../../src/proxy/v2/cluster-file.js';
import { Director } from '../../../../src/proxy/v2/director.js';
import { EndpointRefresh } from '../../../../src/proxy/v2/endpoint-refresh.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { readBody } from '../../../support/read-body.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let clock: ManualClock;
let logger: RecordingLogger;
let director: Director;
let closing: AbortController;
let asked: string[];
let written: string[];
/** What peers answer to `/members`; undefined: nobody does. */
let members: readonly object[] | undefined;
let diskIsFull: boolean;
/** Called while a peer is asked. */
let answering: () => void;

beforeEach(() => {
  clock = new ManualClock();
  logger = new RecordingLogger();
  const random = { below: (bound: number) => bound - 1, uint64: () => 0n };
  director = new Director({ clock, random, logger, failureWaitMs: 5000 });
  closing = new AbortController();
  asked = [];
  written = [];
  members = [{ peerURLs: ['http://p:1'], clientURLs: ['http://c:1'] }];
  diskIsFull = false;
  answering = () => {};
});

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function refreshing(intervalMs = 30_000): EndpointRefresh {
  return new EndpointRefresh(['http://p:1'], {
    director,
    clock,
    logger,
    intervalMs,
    signal: closing.signal,
    file: {
      write: (urls: readonly string[]) => {
        if (diskIsFull) throw new Error('no space left on device');
        written.push(urls.join());
      },
    } as ClusterFile,
    http: {
      ask: async ({ url }: HttpAsk): Promise<HttpAnswer> => {
        asked.push(url);
        answering();
        if (members === undefined) throw new Error('connection refused');
        const body = bytes(JSON.stringify(members));
        return { status: 200, headers: {}, fields: [], body, read: readBody(body), discard() {} };
      },
      close: async () => {},
    },
  });
}

const endpoints = () => director.available().map(({ url }) => url);
const said = () => logger.records.map(({ message }) => message);

describe('the endpoints of a proxy', () => {
  it('are those that the first peer names, told once; the addresses of peers are stored as they change', async () => {
    const each = refreshing();
    await each.refresh();
    await each.refresh();
    expect([endpoints(), written, said()]).toEqual([['http://c:1'], ['http://p:1'], ['endpoints found']]);
    members = [{ peerURLs: ['http://p:2'], clientURLs: ['http://c:2'] }];
    await each.refresh();
    await each.refresh();
    expect(asked.slice(2)).toEqual(['http://p:1/members', 'http://p:2/members']);
    expect([endpoints(), written]).toEqual([['http://c:2'], ['http://p:1', 'http://p:2']]);
    expect(logger.records.slice(1)).toEqual([
      {
        level: 'info',
        message: 'proxy updated peer URLs',
        fields: { from: ['http://p:1'], to: ['http://p:2'] },
      },
    ]);
  });

  it('are none while no peer answers', async () => {
    const each = refreshing();
    await each.refresh();
    members = undefined;
    await each.refresh();
    expect(endpoints()).toEqual([]);
    expect(said()).toContain('failed to get cluster from remote peers');
  });

  it('are known on a disk that is full, too, and stored when there is room', async () => {
    const each = refreshing();
    diskIsFull = true;
    members = [{ peerURLs: ['http://p:2'], clientURLs: ['http://c:2'] }];
    await each.refresh();
    expect([endpoints(), written]).toEqual([['http://c:2'], []]);
    expect(said()).toEqual(['proxy failed to write cluster file', 'endpoints found']);
    diskIsFull = false;
    await each.refresh();
    expect(written).toEqual(['http://p:2']);
    expect(said().at(-1)).toBe('proxy updated peer URLs');
    expect(asked).toEqual(['http://p:1/members', 'http://p:1/members']);
  });
});

describe('a proxy asks again', () => {
  it.each([
    [30_000, 1000],
    [29_999, 29_999],
    [0, 1],
  ])('every %d ms, after %d where it knows of no endpoint, until it is closed', async (intervalMs, firstMs) => {
    members = [];
    const ended = refreshing(intervalMs).keepRefreshing();
    await clock.advance(firstMs - 1);
    expect(asked).toHaveLength(0);
    members = [{ peerURLs: ['http://p:1'], clientURLs: ['http://c:1'] }];
    await clock.advance(1);
    for (let turn = 0; turn < 10; turn++) await settle();
    expect(endpoints()).toEqual(['http://c:1']);
    await clock.advance(Math.max(1, intervalMs) - 1);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    closing.abort();
    await ended;
    expect(clock.pending).toBe(0);
  });

  it('not once it is closed, which is no failure of a peer that is being asked', async () => {
    const each = refreshing(5000);
    const ended = each.keepRefreshing();
    members = undefined;
    answering = () => closing.abort();
    await clock.advance(5000);
    await ended;
    expect([asked, said()]).toEqual([['http://p:1/members'], []]);
    expect(clock.pending).toBe(0);
  });
});
