/**
 * The text of a scrape as Go's registry writes it, of the one that prom-client writes: families by name, nothing
 * between them, bounds of buckets the last of the labels, and numbers as Go spells them. They are compared as text, and
 * read by scripts that know no empty line.
 */
export const asGoShows = (text: string): string =>
  `${text.trimEnd().split('\n\n').sort().join('\n')}\n`
    .replace(/\{(le="[^"]*"),(.*)\} /g, '{$2,$1} ')
    .replace(/le="(\d{7,})"/g, (_, bound: string) => `le="${goNumber(Number(bound))}"`)
    .replace(
      / (\d[\d.]{6,}(?:e[+-]\d+)?|\d[\d.]{0,5}e[+-]\d+)$/gm,
      (_, value: string) => ` ${goNumber(Number(value))}`,
    );

/**
 * As few digits as tell it from its neighbours, which JavaScript finds too, with an exponent from a million on and
 * below a ten thousandth.
 */
function goNumber(value: number): string {
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
