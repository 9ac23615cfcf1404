import { describe, expect, it } from 'vitest';
import { Admission } from '../../../src/api/v3/admission.js';
import { RangeRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { ManualClock } from '../../support/manual-clock.js';

const wantsLeader = new Map([['hasleader', ['true']]]);
const wantsNothing = new Map<string, string[]>();

function admission(emulate: '3.4' | '3.5' = '3.5') {
  const clock = new ManualClock();
  const leadership = { hasLeader: true };
  const cluster: { version: string | undefined } = { version: '3.5.0' };
  const member = { emulate, clock, cluster, isLearner: false, leadership, limits: { electionTimeoutMs: 1000 } };
  return { admission: new Admission(member), clock, leadership, member };
}

describe('a call before the cluster has its first version', () => {
  it.each(['unary', 'bidi', 'server-streaming'] as const)('is refused (%s)', (kind) => {
    const { admission: gate, member } = admission();
    const call = () => gate.check('/etcdserverpb.KV/Range', kind, wantsNothing, RangeRequest.create({}));
    member.cluster.version = undefined;
    expect(call).toThrow('etcdserver: not capable');
    member.isLearner = true;
    expect(call).toThrow('etcdserver: not capable');
    member.isLearner = false;
    member.cluster.version = '3.0.0';
    expect(call).not.toThrow();
  });
});

describe('a call that wants a leader', () => {
  it('is refused at once where there is none', () => {
    const { admission: gate, leadership } = admission();
    const call = () => gate.check('/etcdserverpb.KV/Put', 'unary', wantsLeader, {});
    expect(call).not.toThrow();
    leadership.hasLeader = false;
    expect(call).toThrow('etcdserver: no leader');
    expect(() => gate.check('/etcdserverpb.KV/Put', 'unary', wantsNothing, {})).not.toThrow();
  });

  it('as a stream ends after three election timeouts without one, and leaves no timer', async () => {
    const { admission: gate, clock, leadership } = admission();
    const ended: string[] = [];
    const stream = (metadata: Map<string, string[]>) =>
      gate.whileLed(metadata, new Promise<void>(() => {})).catch((cause: Error) => ended.push(cause.message));
    void stream(wantsLeader);
    void stream(wantsNothing);
    leadership.hasLeader = false;
    await clock.advance(2000);
    leadership.hasLeader = true;
    await clock.advance(1000);
    leadership.hasLeader = false;
    await clock.advance(2900);
    expect(ended).toEqual([]);
    await clock.advance(200);
    expect(ended).toEqual(['etcdserver: no leader']);
  });

  it('as a stream that ends by itself leaves no timer', async () => {
    const { admission: gate, clock } = admission();
    await gate.whileLed(wantsLeader, Promise.resolve());
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });
});

describe('a learner', () => {
  const range = (serializable: boolean) => RangeRequest.create({ key: Buffer.from('a'), serializable });

  it.each([
    ['/etcdserverpb.Maintenance/Status', 'unary', {}, true],
    ['/etcdserverpb.KV/Range', 'unary', range(true), true],
    ['/etcdserverpb.KV/Range', 'unary', range(false), false],
    ['/etcdserverpb.KV/Put', 'unary', {}, false],
    ['/etcdserverpb.Cluster/MemberList', 'unary', {}, false],
    ['/etcdserverpb.Watch/Watch', 'bidi', undefined, false],
    ['/etcdserverpb.Maintenance/Snapshot', 'server-streaming', undefined, true],
  ] as const)('asked for %s (%s)', (path, kind, request, isServed) => {
    const { admission: gate, member } = admission();
    member.isLearner = true;
    const call = () => gate.check(path, kind, wantsNothing, request);
    if (isServed) expect(call).not.toThrow();
    else expect(call).toThrow('etcdserver: rpc not supported for learner');
  });

  it('of 3.4 sends no snapshots', () => {
    const { admission: gate, member } = admission('3.4');
    member.isLearner = true;
    const call = () => gate.check('/etcdserverpb.Maintenance/Snapshot', 'server-streaming', wantsNothing, undefined);
    expect(call).toThrow('etcdserver: rpc not supported for learner');
  });
});
