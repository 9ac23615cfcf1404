/**
 * The blocks that Go finds in a PEM file: what is none is passed over, text between them and blocks that are broken
 * alike. https://pkg.go.dev/encoding/pem#Decode
 */

export interface PemBlock {
  /** `CERTIFICATE` */
  readonly type: string;
  readonly bytes: Buffer;
}

const BEGIN = '-----BEGIN ';
const END = '-----END ';
const DASHES = '-----';

export function pemBlocks(file: Uint8Array): PemBlock[] {
  const lines = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  const blocks: PemBlock[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at++] ?? '';
    const first = line.trimEnd();
    if (!first.startsWith(BEGIN) || !first.slice(BEGIN.length).endsWith(DASHES)) continue;
    const type = first.slice(BEGIN.length, -DASHES.length);
    const begin = at;
    while (lines[at]?.includes(':') === true) at += 1; // headers
    if (at === lines.length) break;
    // The end may follow at once, but not after headers.
    const from = at === begin ? at : at + 1;
    const end = lines.findIndex((each, index) => index >= from && each.startsWith(END));
    const bytes =
      lines[end]?.trimEnd() === `${END}${type}${DASHES}` ? decode(lines.slice(at, end).join('')) : undefined;
    if (bytes === undefined) continue;
    blocks.push({ type, bytes });
    at = end + 1;
  }
  return blocks;
}

export function pemOf({ type, bytes }: PemBlock): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`${BEGIN}${type}${DASHES}`, ...lines, `${END}${type}${DASHES}`, ''].join('\n');
}

/** Of base64 that is whole; undefined = it is not. */
function decode(text: string): Buffer | undefined {
  const digits = text.replace(/[ \t\r]/g, '');
  const isWhole = digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits);
  return isWhole ? Buffer.from(digits, 'base64') : undefined;
}
