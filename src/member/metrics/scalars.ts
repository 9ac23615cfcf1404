/** Rows of plain numbers as metrics that are read when somebody looks. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Scalars } from '../../lib/metrics.js';

export function addScalars<F>(registry: Registry, scalars: Scalars<F>, figures: () => F): void {
  for (const [name, [type, help, read]] of Object.entries(scalars)) {
    const options = {
      name,
      help,
      registers: [registry],
      collect(this: { set?(value: number): void; reset(): void; inc?(value: number): void }) {
        const value = Number(read(figures()));
        this.reset();
        if (type === 'gauge') this.set?.(value);
        else this.inc?.(value);
      },
    };
    if (type === 'gauge') new Gauge(options);
    else new Counter(options);
  }
}
