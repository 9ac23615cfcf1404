/** What a header block says. Names and values are latin1 text, one character a byte, as they cross the wire. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

export type HeaderList = readonly HeaderField[];
