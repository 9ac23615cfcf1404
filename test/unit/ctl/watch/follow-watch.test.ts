import { describe, expect, it } from 'vitest';
import { WatchCanceledError } from '../../../../src/client/errors.js';
import type { Watch, WatchBatch } from '../../../../src/client/watch-types.js';
import { createPrinter } from '../../../../src/ctl/print/index.js';
import type { Printer } from '../../../../src/ctl/print/printer.js';
import { eventVariables, followWatch } from '../../../../src/ctl/watch/follow-watch.js';
import { Code } from '../../../../src/grpc/types.js';
import { ResponseHeader } from '../../../../src/proto/gen/etcdserverpb.js';
import { Event, Event_EventType, KeyValue } from '../../../../src/proto/gen/mvccpb.js';

const header = ResponseHeader.create({ revision: 7 });
const event = (value: string) =>
  Event.create({ kv: KeyValue.create({ key: Buffer.from('k'), value: Buffer.from(value), modRevision: 6 }) });
const batch = (more: Partial<WatchBatch>): WatchBatch => ({
  header,
  events: [],
  compactRevision: 0,
  canceled: false,
  ...more,
});

/** A watch that reports `batches` and then ends, or fails. */
function watchOf(batches: readonly WatchBatch[], failure?: Error): Watch {
  async function* run(): AsyncGenerator<WatchBatch> {
    await Promise.resolve();
    yield* batches;
    if (failure !== undefined) throw failure;
  }
  return Object.assign(run(), { started: Promise.resolve(1), cancel: () => undefined });
}

/** What is printed, noted and run, in order. */
async function follow(watch: Watch, format: Printer['format'] = 'simple'): Promise<string[]> {
  const told: string[] = [];
  const out = { stdout: (text: string | Uint8Array) => void told.push(Buffer.from(text).toString()), stderr() {} };
  const printer = await createPrinter(format, out, { hex: false, emulate: '3.5' });
  await followWatch(watch, {
    printer,
    note: (line) => told.push(`note: ${line}`),
    progress: (revision) => told.push(`progress: ${revision}`),
    onEvent: async (it) => {
      await Promise.resolve();
      told.push(`run for ${Buffer.from(it.kv?.value ?? []).toString()}`);
    },
  });
  return told;
}

describe('following a watch', () => {
  it('prints a report, then runs what is to be run for each of its events, then goes on', async () => {
    expect(
      await follow(watchOf([batch({ events: [event('1'), event('2')] }), batch({ events: [event('3')] })])),
    ).toEqual(['PUT\nk\n1\nPUT\nk\n2\n', 'run for 1', 'run for 2', 'PUT\nk\n3\n', 'run for 3']);
  });

  it('tells progress before it prints the report, which only other formats show', async () => {
    expect(await follow(watchOf([batch({})]))).toEqual(['progress: 7']);
    expect(await follow(watchOf([batch({})]), 'json')).toEqual([
      'progress: 7',
      '{"Header":{"revision":7},"Events":[],"CompactRevision":0,"Canceled":false,"Created":false}\n',
    ]);
  });

  it('says why it ended and prints what the server said last', async () => {
    const compacted = new WatchCanceledError(
      Code.OutOfRange,
      'etcdserver: mvcc: required revision has been compacted',
      4,
    );
    const last = batch({ header: ResponseHeader.create(), compactRevision: 4, canceled: true });
    expect(await follow(watchOf([last], compacted), 'json')).toEqual([
      'note: watch was canceled (etcdserver: mvcc: required revision has been compacted)',
      '{"Header":{},"Events":[],"CompactRevision":4,"Canceled":true,"Created":false}\n',
    ]);
  });

  it('prints an answer without header and events when it was never taken up', async () => {
    const refused = new WatchCanceledError(Code.FailedPrecondition, 'etcdserver: permission denied', 0);
    expect(await follow(watchOf([], refused), 'json')).toEqual([
      'note: watch was canceled (etcdserver: permission denied)',
      '{"Header":{},"Events":null,"CompactRevision":0,"Canceled":true,"Created":false}\n',
    ]);
  });

  it('lets through what is no answer of a server', async () => {
    await expect(follow(watchOf([], new TypeError('a slip')))).rejects.toThrow('a slip');
  });
});

describe('the environment of a command run for an event', () => {
  it('has Go’s quotes and the revision of the report', () => {
    const deleted = Event.create({
      type: Event_EventType.DELETE,
      kv: KeyValue.create({ key: Uint8Array.of(0x6b, 0xff, 0x22), modRevision: 6 }),
    });
    expect(eventVariables(deleted, header)).toEqual({
      ETCD_WATCH_REVISION: '7',
      ETCD_WATCH_EVENT_TYPE: '"DELETE"',
      ETCD_WATCH_KEY: '"k\\xff\\""',
      ETCD_WATCH_VALUE: '""',
    });
  });
});
