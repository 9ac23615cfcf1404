/**
 * A histogram for hot paths: whoever observes keeps its series in hand, so that an observation costs a comparison a
 * bucket and two additions. prom-client checks and hashes the labels each time.
 */
import {
  Histogram,
  type HistogramConfiguration,
  type MetricObjectWithValues,
  type MetricValueWithName,
} from 'prom-client';

type Shown = MetricObjectWithValues<MetricValueWithName<string>>;

export class TalliedHistogram extends Histogram {
  readonly #config: HistogramConfiguration<string>;
  readonly #all: Series[] = [];

  constructor(config: HistogramConfiguration<string>) {
    super(config);
    this.#config = config;
  }

  /** Shown from now on, at 0 until something is observed. One call for each set of labels. */
  series(labels: Readonly<Record<string, string>>): Series {
    const made = new Series(labels, this.#config.buckets ?? []);
    this.#all.push(made);
    return made;
  }

  override async get(): Promise<Shown> {
    const { name, help } = this.#config;
    const values = this.#all.flatMap((each) => each.shown(name));
    // The package's declarations know neither this word nor that `collect` may be absent.
    return { name, help, type: 'histogram', aggregator: 'sum', values } as unknown as Shown;
  }

  /** What the registry calls where there is one. */
  getForPromString(): Promise<Shown> {
    return this.get();
  }
}

export class Series {
  /** By bucket; the last is of those above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(
    readonly labels: Readonly<Record<string, string>>,
    readonly bounds: readonly number[],
  ) {
    this.#counts = Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += value;
  }

  /** As Prometheus has it: each bucket counts those before it too. */
  shown(name: string): MetricValueWithName<string>[] {
    const { labels, bounds } = this;
    let count = 0;
    const buckets = this.#counts.map((own, at) => {
      count += own;
      return { metricName: `${name}_bucket`, labels: { le: bounds[at] ?? '+Inf', ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}
