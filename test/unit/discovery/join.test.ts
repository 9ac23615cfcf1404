import { describe, expect, it } from 'vitest';
import { DiscoveryError, UnavailableError } from '../../../src/discovery/errors.js';
import { clusterThrough, FullError, type JoinDeps, joinThrough } from '../../../src/discovery/join.js';
import type { Registration, Registry } from '../../../src/discovery/registry.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

/** A service in memory, which can be unreachable for a number of calls. */
class FakeRegistry implements Registry {
  sizeText: string | undefined = '3';
  readonly registrations: Registration[] = [];
  unreachable = 0;
  #wake: () => void = () => {};

  constructor(readonly tellsDuplicates = true) {}

  add(id: string, value: string): void {
    this.registrations.push({ id, value, order: this.registrations.length + 1 });
    this.#wake();
  }

  async size(): Promise<string | undefined> {
    this.#reach();
    return this.sizeText;
  }

  async list() {
    this.#reach();
    return { registrations: [...this.registrations], revision: this.registrations.length };
  }

  async register(id: string, value: string): Promise<void> {
    this.#reach();
    if (this.tellsDuplicates && this.registrations.some((each) => each.id === id))
      throw new DiscoveryError('duplicateId');
    this.add(id, value);
  }

  async *watch(revision: number): AsyncIterable<Registration> {
    for (let at = revision; ; at++) {
      while (this.registrations.length <= at) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#reach();
      }
      const next = this.registrations[at];
      if (next !== undefined) yield next;
    }
  }

  async close(): Promise<void> {}

  fail(calls: number): void {
    this.unreachable = calls;
    this.#wake();
  }

  #reach(): void {
    if (this.unreachable === 0) return;
    this.unreachable--;
    throw new UnavailableError('connect ECONNREFUSED');
  }
}

function scene(registry = new FakeRegistry()) {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const leave = new AbortController();
  const words = {
    ...{ self: 'self', peer: 'peer', waiting: 'waiting', complete: 'complete', unreachable: 'away' },
    badRegistration: 'invalidUrl' as const,
  };
  const deps: JoinDeps = { registry, clock, logger, words, service: 'http://d', signal: leave.signal };
  return { registry, clock, logger, leave, deps };
}

const self = { id: 'b', value: 'b=http://b:2380' };
const a = { id: 'a', value: 'a=http://a:2380' };
const c = { id: 'c', value: 'c=http://c:2380,c=http://c2:2380' };

describe('joining a cluster through a registry', () => {
  it('registers, waits for the others, and is given all of them in the order in which they came', async () => {
    const { registry, deps, logger } = scene();
    registry.add(a.id, a.value);
    const joined = joinThrough(self, deps);
    await settle();
    registry.add(c.id, c.value);
    registry.add('late', 'late=http://late:2380');
    expect(await joined).toBe('a=http://a:2380,b=http://b:2380,c=http://c:2380,c=http://c2:2380');
    expect(logger.records.map(({ message }) => message)).toEqual(['peer', 'self', 'waiting', 'peer', 'complete']);
  });

  it.each([
    ['missing', undefined, 'discovery: size key not found'],
    ['negative', '-1', 'discovery: size key is bad'],
    ['nought', '0', 'discovery: size key is bad'],
    ['a word', 'three', 'discovery: size key is bad'],
    ['a fraction', '1.5', 'discovery: size key is bad'],
    ['beyond all measure', '99999999999999999999999', 'discovery: size key is bad'],
    ['larger than any cluster', '1000000', 'discovery: size key is bad'],
  ])('refuses a size that is %s (GHSA-9gp7-6833-wv89)', async (_what, size, message) => {
    const { registry, deps } = scene();
    registry.sizeText = size;
    await expect(joinThrough(self, deps)).rejects.toThrow(message);
    expect(registry.registrations).toEqual([]);
  });

  it('tells a full cluster, with its members, and does not register', async () => {
    const { registry, deps } = scene();
    registry.sizeText = '2';
    for (const { id, value } of [a, c]) registry.add(id, value);
    const refusal = await joinThrough(self, deps).catch((cause: unknown) => cause);
    expect(refusal).toBeInstanceOf(FullError);
    expect(refusal).toMatchObject({ cluster: 'a=http://a:2380,c=http://c:2380,c=http://c2:2380' });
    expect(registry.registrations).toHaveLength(2);
  });

  it('says that it is registered already, or takes its place again where the service cannot tell', async () => {
    const known = scene();
    known.registry.add(self.id, self.value);
    await expect(joinThrough(self, known.deps)).rejects.toThrow('discovery: found duplicate id');
    const untold = scene(new FakeRegistry(false));
    untold.registry.sizeText = '1';
    untold.registry.add(self.id, self.value);
    expect(await joinThrough(self, untold.deps)).toBe(self.value);
  });

  it.each([
    ['no url here', 'discovery: invalid URL'],
    ['x=ftp://c:1', 'discovery: invalid URL'],
    ['b=http://c:2380', 'discovery: found duplicate name'],
  ])('refuses the registration %s', async (value, message) => {
    const { registry, deps } = scene();
    registry.sizeText = '2';
    registry.add('c', value);
    await expect(joinThrough(self, deps)).rejects.toThrow(message);
  });

  it('asks an unreachable service again after 2, 4, 8 seconds, for ever, and says so', async () => {
    const { registry, deps, clock, logger } = scene();
    registry.sizeText = '1';
    registry.unreachable = 12;
    const joined = joinThrough(self, deps);
    await clock.advance(2 + 4);
    await clock.advance(4000 * 1000);
    expect(await joined).toBe(self.value);
    const backoffs = logger.records.flatMap(({ fields }) => (fields.backoff === undefined ? [] : [fields.backoff]));
    expect(backoffs.slice(0, 3)).toEqual(['2s', '4s', '8s']);
    expect(backoffs.at(-1)).toBe('256s');
  });

  it('goes on waiting when the service dies meanwhile and comes back', async () => {
    const { registry, deps, clock } = scene();
    registry.sizeText = '2';
    const joined = joinThrough(self, deps);
    await settle();
    registry.fail(3);
    await clock.advance(30_000);
    registry.add(a.id, a.value);
    await clock.advance(30_000);
    expect(await joined).toBe('b=http://b:2380,a=http://a:2380');
  });

  it('counts nobody twice who registers again, and asks anew where a wait ends before all are there', async () => {
    const { registry, deps, clock, logger } = scene();
    registry.add(a.id, a.value);
    let waits = 0;
    registry.watch = async function* () {
      // Once again who is there already, and then the end.
      if (++waits === 1) yield { ...a, order: 9 };
      else yield { ...c, order: 10 };
    };
    const joined = joinThrough(self, deps);
    await clock.advance(1999);
    expect(waits).toBe(1);
    expect(logger.records.map(({ message }) => message)).not.toContain('complete');
    await clock.advance(1);
    expect(await joined).toBe('a=http://a:2380,b=http://b:2380,c=http://c:2380,c=http://c2:2380');
    const counts = logger.records.filter(({ message }) => message === 'waiting').map(({ fields }) => fields);
    expect(counts).toMatchObject(Array(2).fill({ 'found-peers': 2, 'needed-peers': 1 }));
  });

  it('ends with what is no outage, at once, wherever it happens', async () => {
    const fault = new DiscoveryError('badEndpoint');
    const failing = () => Promise.reject(fault);
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    const watch = async function* (): AsyncGenerator<Registration> {
      throw fault;
    };
    for (const broken of [{ size: failing }, { list: failing }, { register: failing }, { watch }]) {
      const { registry, deps } = scene();
      await expect(joinThrough(self, { ...deps, registry: Object.assign(registry, broken) })).rejects.toBe(fault);
    }
  });

  it('is given up at once where it was before it began to wait', async () => {
    const { registry, deps, leave, clock } = scene();
    registry.unreachable = 1000;
    leave.abort(new Error('stopped'));
    await expect(joinThrough(self, deps)).rejects.toThrow('stopped');
    expect(clock.pending).toBe(0);
  });

  it('can be given up', async () => {
    const { registry, deps, leave } = scene();
    registry.unreachable = 1000;
    const joined = joinThrough(self, deps);
    await settle();
    leave.abort(new Error('stopped'));
    await expect(joined).rejects.toThrow('stopped');
  });
});

describe('looking at a cluster from outside', () => {
  it('waits for its members without taking part', async () => {
    const { registry, deps } = scene();
    registry.sizeText = '2';
    registry.add(a.id, a.value);
    const found = clusterThrough(deps);
    await settle();
    registry.add(c.id, c.value);
    expect(await found).toContain('c=http://c2:2380');
    expect(registry.registrations).toHaveLength(2);
  });
});
