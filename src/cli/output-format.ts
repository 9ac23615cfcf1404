/** The forms of output that `--write-out` names. */
export const outputFormats = ['fields', 'json', 'protobuf', 'simple', 'table'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export const isOutputFormat = (text: string): text is OutputFormat => outputFormats.some((format) => format === text);
