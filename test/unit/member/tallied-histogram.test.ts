import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { TalliedHistogram } from '../../../src/member/metrics/tallied-histogram.js';

const config = { name: 'took_seconds', help: 'How long.', labelNames: ['op', 'ok'], buckets: [0.1, 0.2, 1.5] };

describe('a tallied histogram', () => {
  it.each([
    ['nothing', []],
    ['values at, between and above the bounds', [0.1, 0.15, 0, 1.5, 1.6, 1e9, 0.2]],
  ])('is scraped as prom-client shows its own: %s', async (_, values) => {
    const theirs = new Registry();
    const ours = new Registry();
    const histogram = new Histogram({ ...config, registers: [theirs] });
    const tallied = new TalliedHistogram({ ...config, registers: [ours] });
    for (const labels of [
      { op: 'Put', ok: 'true' },
      { op: 'Txn', ok: 'false' },
    ]) {
      histogram.zero(labels);
      const series = tallied.series(labels);
      for (const value of values) {
        histogram.observe(labels, value);
        series.observe(value);
      }
    }
    expect(await ours.metrics()).toBe(await theirs.metrics());
  });
});
