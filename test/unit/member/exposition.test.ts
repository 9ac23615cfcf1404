import { expect, it } from 'vitest';
import { asGoShows } from '../../../src/member/metrics/exposition.js';

it.each([
  [0, '0'],
  [16384, '16384'],
  [999_999, '999999'],
  [1_000_000, '1e+06'],
  [2_147_483_648, '2.147483648e+09'],
  [1_796_111_624, '1.796111624e+09'],
  [1_234_567.25, '1.23456725e+06'],
  [0.005, '0.005'],
  [0.0001, '0.0001'],
  [0.00002, '2e-05'],
  [0.00009931800000049407, '9.931800000049407e-05'],
  [1e-7, '1e-07'],
  [2 ** 64, '1.8446744073709552e+19'],
  [1e100, '1e+100'],
])('shows %d as Go does', (value, shown) => {
  expect(asGoShows(`# HELP a_b of things\n# TYPE a_b gauge\na_b{id="10000000"} ${value}\n`)).toBe(
    `# HELP a_b of things\n# TYPE a_b gauge\na_b{id="10000000"} ${shown}\n`,
  );
});
