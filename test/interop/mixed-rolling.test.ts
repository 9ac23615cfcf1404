/**
 * Three real members replaced by ours one by one, and those by real ones again, while a writer writes through whichever
 * member runs, with authentication on, a lease that gets keys all the time, and an alarm now and then. No write that
 * was acknowledged is lost, none is applied twice, and after each replacement all members hold the same.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { startCluster } from '../support/cluster.js';
import { expectFurnished, furnish, LEASE, READER, ROOT, raiseAlarm } from '../support/furnished.js';
import { buildPrograms } from '../support/member-process.js';
import { CHANGEABLE, Checks, realVersions } from '../support/mixed-cluster.js';

const WRITE_TIMEOUT_MS = 3000;
const PAUSE_MS = 5;
const LEASED_EACH = 10;

/** Writes each key once, and remembers at which revision that was acknowledged. Others may have been written or not. */
class Writer {
  readonly acknowledged = new Map<string, number>();
  attempts = 0;
  /** While there was an alarm. */
  readonly refused = new Set<string>();
  #isPaused = false;
  #running = Promise.resolve();

  constructor(readonly checks: Checks) {}

  resume(): void {
    this.#isPaused = false;
    this.#running = this.#write();
  }

  /** Resolves when nothing is under way any more. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#running;
  }

  async #write(): Promise<void> {
    while (!this.#isPaused) {
      const { running } = this.checks;
      const place = running[this.attempts % running.length];
      if (place === undefined) throw new Error('no member runs');
      const key = `w${this.attempts++}`;
      const lease = this.attempts % LEASED_EACH === 0 ? { lease: LEASE } : {};
      try {
        const { header } = await this.checks.client(place).kv.put(key, key, { timeoutMs: WRITE_TIMEOUT_MS, ...lease });
        this.acknowledged.set(key, header?.revision ?? 0);
      } catch (cause) {
        // Otherwise its member was just removed, or there is no leader at the moment.
        if ((cause as Error).message.includes('database space exceeded')) this.refused.add(key);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

beforeAll(buildPrograms, 120_000);

describe.each(realVersions)('three members of $version', (scene) => {
  const { version, isThere, etcdctl } = scene;
  test.runIf(isThere)('are replaced by ours and back under load', { timeout: 240_000 }, async () => {
    await using cluster = await startCluster({
      members: [scene.real, scene.real, scene.real],
      flags: [...CHANGEABLE, '--snapshot-count=100'],
    });
    await using open = new Checks(cluster, etcdctl);
    await furnish(open.client(cluster.at(0)), cluster.at(0));
    await using checks = new Checks(cluster, etcdctl, ROOT);
    await using reading = new Checks(cluster, etcdctl, READER);
    const writer = new Writer(checks);
    for (const kind of [scene.ourProcess, scene.real]) {
      // A newcomer leads members of both kinds; then the last of the others leads until it is removed.
      for (const [turn, old] of [...cluster.places].entries()) {
        writer.resume();
        if (turn === 2) await checks.makeLeader(old);
        // The first joins while the alarm is on that was there from the start, the fifth while there is another.
        if (turn === 1 && kind === scene.real) await raiseAlarm(old, ROOT);
        await checks.remove(old);
        const joiner = await cluster.joining(kind);
        await checks.add(joiner);
        await joiner.start();
        const { alarms } = await checks.client(joiner).maintenance.alarms();
        if (alarms.length > 0) {
          for (const place of cluster.places) await expectFurnished(checks, reading, place);
          await checks.client(joiner).maintenance.disarm();
        }
        expect(alarms.length, `alarms in turn ${turn}`).toBe(turn === (kind === scene.real ? 1 : 0) ? 1 : 0);
        if (turn === 0) await checks.makeLeader(joiner);
        await writer.pause();
        await checks.expectAgreement();
      }
    }
    const { acknowledged, refused, attempts } = writer;
    expect(refused.size).toBeGreaterThan(0);
    expect(acknowledged.size).toBeGreaterThan((attempts - refused.size) / 2);
    for (const place of cluster.places) {
      const { kvs } = await checks.client(place).kv.get('w', { prefix: true });
      const held = new Map(kvs.map(({ key, ...kv }) => [Buffer.from(key).toString(), kv]));
      for (const [key, revision] of acknowledged)
        expect(held.get(key), `${key} at ${place.name}`).toMatchObject({ modRevision: revision });
      for (const key of refused) expect(held.has(key), `${key} was refused`).toBe(false);
      const { keys } = await checks.client(place).lease.timeToLive(LEASE, { keys: true });
      expect(keys.length, 'keys of the lease').toBe(1 + kvs.filter((kv) => kv.lease === LEASE).length);
      await expect(reading.client(place).kv.put('k1', 'no')).rejects.toThrow('permission denied');
      for (const [key, { version: writes }] of held) expect(writes, `${key} in ${version}`).toBe(1);
    }
  });
});
