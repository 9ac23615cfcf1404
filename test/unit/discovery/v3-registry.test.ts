/** The registry in v3 keys: what it asks, whom it tells of, and which failures are worth another try. */
import { describe, expect, it } from 'vitest';
import { UnavailableError } from '../../../src/discovery/errors.js';
import type { Registration } from '../../../src/discovery/registry.js';
import { v3Registry } from '../../../src/discovery/v3-registry.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import { type WireError, wireErrors } from '../../../src/proto/errors.js';
import { WatchCreateRequest_FilterType, type WatchRequest } from '../../../src/proto/gen/etcdserverpb.js';
import type { FakeChannel, SeenCall } from '../../support/fake-channel.js';
import { fakeClient } from '../../support/fake-client.js';
import { FakeStore } from '../../support/fake-store.js';

const { signal } = new AbortController();
const PREFIX = '/_etcd/registry/tok/members/';

function inStore() {
  const store = new FakeStore();
  return { store, registry: v3Registry({ client: store.client(), token: 'tok', requestTimeoutMs: 1000 }) };
}

/** A registry whose calls are answered by `answer`, and the connection that they come by. */
function beside(answer: (call: SeenCall) => unknown, account = {}) {
  const channels: FakeChannel[] = [];
  const { client, clock } = fakeClient((channel) => {
    channel.answer = answer;
    channels.push(channel);
  }, account);
  const registry = v3Registry({ client, token: 'tok', requestTimeoutMs: 1000 });
  return { registry, clock, channel: () => channels[0] as FakeChannel };
}

describe('a registry in v3 keys', () => {
  it('reads the size under its token, and says where there is none', async () => {
    const { store, registry } = inStore();
    store.put('/_etcd/registry/other/_config/size', '5');
    expect(await registry.size(signal)).toBeUndefined();
    store.put('/_etcd/registry/tok/_config/size', '3');
    expect(await registry.size(signal)).toBe('3');
  });

  it('lists members in the order in which they came, whatever their ids', async () => {
    const { store, registry } = inStore();
    expect(await registry.list(signal)).toEqual({ registrations: [], revision: 1 });
    await registry.register('b', 'b=http://b:1', signal);
    await registry.register('a', 'a=http://a:1', signal);
    store.put('/_etcd/registry/tok/_config/size', '3');
    store.put('/_etcd/registry/tok0/members/c', 'of another');
    expect(await registry.list(signal)).toEqual({
      registrations: [
        { id: 'b', value: 'b=http://b:1', order: 2 },
        { id: 'a', value: 'a=http://a:1', order: 3 },
      ],
      revision: 5,
    });
  });

  it('hears who comes after a listing, and nobody twice', async () => {
    const { store, registry } = inStore();
    await registry.register('a', 'a', signal);
    const { revision } = await registry.list(signal);
    await registry.register('b', 'b', signal);
    const stop = new AbortController();
    const heard: Registration[] = [];
    const hearing = (async () => {
      for await (const registration of registry.watch(revision, stop.signal)) heard.push(registration);
    })();
    await store.turn();
    await registry.register('c', 'c', signal);
    await store.turn();
    expect(heard).toEqual([
      { id: 'b', value: 'b', order: revision + 1 },
      { id: 'c', value: 'c', order: revision + 2 },
    ]);
    stop.abort();
    await hearing.catch(() => undefined);
    await registry.close();
  });

  it('asks for all below the token, and for no deletions', async () => {
    const { registry, channel, clock } = beside(() => undefined);
    const failing = (async () => {
      for await (const _ of registry.watch(7, signal));
    })();
    const failed = expect(failing).rejects.toThrow(UnavailableError);
    await clock.advance(1);
    const [stream] = channel().streams;
    const asked = stream?.sent[0] as WatchRequest | undefined;
    const created = asked?.requestUnion.case === 'createRequest' ? asked.requestUnion.value : undefined;
    const [from, end] = [created?.key, created?.rangeEnd].map((key) => Buffer.from(key ?? []).toString());
    expect([from, end]).toEqual([PREFIX, `${PREFIX.slice(0, -1)}0`]);
    expect(created).toMatchObject({ startRevision: 8, filters: [WatchCreateRequest_FilterType.NODELETE] });
    stream?.fail(new GrpcError(Code.PermissionDenied, wireErrors.permissionDenied.message));
    await failed;
    await registry.close();
  });

  it('gives each question its time, and finds a refused one worth another', async () => {
    const { registry, channel } = beside(() => {
      throw new GrpcError(Code.PermissionDenied, wireErrors.permissionDenied.message);
    });
    const questions = [
      () => registry.size(signal),
      () => registry.list(signal),
      () => registry.register('a', 'a', signal),
    ];
    for (const ask of questions) await expect(ask()).rejects.toThrow(UnavailableError);
    expect(channel().calls.map(({ timeoutMs }) => timeoutMs)).toEqual([1000, 1000, 1000]);
  });

  it('logs in before its first question, and once', async () => {
    const methods: string[] = [];
    const { registry } = beside(
      ({ path }) => {
        methods.push(path.slice(path.lastIndexOf('/') + 1));
        return path.endsWith('Authenticate') ? { header: undefined, token: 't' } : { header: undefined, kvs: [] };
      },
      { username: 'u', password: 'p' },
    );
    expect(await registry.size(signal)).toBeUndefined();
    expect(await registry.size(signal)).toBeUndefined();
    expect(methods).toEqual(['Authenticate', 'Range', 'Range']);
    // An answer without a header is no reason to hear everything.
    expect(await registry.list(signal)).toEqual({ registrations: [], revision: 0 });
  });

  it('does not ask again with a wrong password, but with whatever else is refused', async () => {
    let refusal: WireError = wireErrors.authFailed;
    let isRefusing = true;
    const { registry } = beside(
      ({ path }) => {
        if (!isRefusing) return path.endsWith('Range') ? { kvs: [] } : { token: 't' };
        throw new GrpcError(refusal.code as Code, refusal.message);
      },
      { username: 'u', password: 'p' },
    );
    const failure = (): Promise<Error> =>
      registry.size(signal).then(
        () => new Error('was answered'),
        (cause: Error) => cause,
      );
    const wrong = await failure();
    expect([wrong instanceof UnavailableError, wrong.message]).toEqual([false, wireErrors.authFailed.message]);
    refusal = wireErrors.permissionDenied;
    const denied = await failure();
    expect([denied instanceof UnavailableError, denied.message]).toEqual([true, wireErrors.permissionDenied.message]);
    // Not logged in yet: it is done when it can be.
    isRefusing = false;
    expect(await registry.size(signal)).toBeUndefined();
  });
});
