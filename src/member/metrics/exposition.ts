/**
 * The text of a scrape as Go's registry writes it, of the one that prom-client writes: families by name, nothing
 * between them, and bounds of buckets the last of the labels, from a million on with an exponent. They are compared as
 * text, and read by scripts that know no empty line.
 */
export const asGoShows = (text: string): string =>
  `${text.trimEnd().split('\n\n').sort().join('\n')}\n`
    .replace(/\{(le="[^"]*"),(.*)\} /g, '{$2,$1} ')
    .replace(/le="(\d)(\d{6,})"/g, (_, first: string, rest: string) => {
      const digits = rest.replace(/0+$/, '');
      return `le="${first}${digits === '' ? '' : `.${digits}`}e+${String(rest.length).padStart(2, '0')}"`;
    });
