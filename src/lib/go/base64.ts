/**
 * Base64 as Go's encoding/base64 takes it: line breaks are skipped, left-over bits need not be zero; where it is
 * malformed is told.
 */

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export interface Base64Error {
  readonly illegalAt: number;
}

/** `padded` as `base64.StdEncoding`; without, as its raw form. `url` is the alphabet with `-` and `_`. */
export function decodeBase64(
  text: string,
  { url, padded }: { url: boolean; padded: boolean },
): Uint8Array | Base64Error {
  // Hot path: what Node takes the same way.
  if (padded && !url && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text))
    return Buffer.from(text, 'base64');
  const illegalAt = illegalPlace(text, { alphabet: url ? `${STANDARD.slice(0, -2)}-_` : STANDARD, padded });
  return illegalAt === undefined
    ? Buffer.from(text.replace(/[\r\n]/g, ''), url ? 'base64url' : 'base64')
    : { illegalAt };
}

/** Where Go's decoder gives up (encoding/base64's decodeQuantum); undefined when it does not. */
function illegalPlace(text: string, { alphabet, padded }: { alphabet: string; padded: boolean }): number | undefined {
  let at = 0;
  const skipBreaks = (): void => {
    while (text[at] === '\n' || text[at] === '\r') at++;
  };
  for (;;) {
    for (let digit = 0; digit < 4; digit++) {
      skipBreaks();
      if (at === text.length) {
        if (digit === 0) return undefined;
        return digit === 1 || padded ? at - digit : undefined;
      }
      const char = text.charAt(at++);
      if (alphabet.includes(char)) continue;
      if (char !== '=' || !padded || digit < 2) return at - 1;
      if (digit === 2) {
        skipBreaks();
        if (at === text.length) return at;
        if (text[at] !== '=') return at - 1;
        at++;
      }
      skipBreaks();
      return at < text.length ? at : undefined;
    }
  }
}
