/**
 * A printer shows answers in one output format, for all commands. A format is a table: a kind of answer → how it is
 * rendered. A kind without a row is refused with exit code 4. The formats are etcdctl's, byte for byte
 * (etcdctl/ctlv3/command/printer*.go).
 */
import { ExitCode, fail } from '../../cli/exit.js';
import type { OutputFormat } from '../../cli/output-format.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import type { Answers, Kind } from './answers.js';

/** Where printers write. Text is UTF-8 unless given as bytes. */
export interface Output {
  stdout(chunk: string | Uint8Array): void;
  stderr(text: string): void;
}

export interface PrintOptions {
  /** `--hex`. */
  readonly hex: boolean;
  readonly emulate: EmulatedVersion;
}

export interface Printer {
  readonly format: OutputFormat;
  print<K extends Kind>(kind: K, data: Answers[K]): void;
}

/** The table of a format whose answers are rendered as `Rendered`. */
export type Renderers<Rendered> = {
  readonly [K in Kind]?: (data: Answers[K], options: PrintOptions) => Rendered;
};

export function printerOf<Rendered>(
  format: OutputFormat,
  { renderers, write }: { readonly renderers: Renderers<Rendered>; readonly write: (rendered: Rendered) => void },
  options: PrintOptions,
): Printer {
  return {
    format,
    print<K extends Kind>(kind: K, data: Answers[K]): void {
      const render: ((data: Answers[K], options: PrintOptions) => Rendered) | undefined = renderers[kind];
      if (render === undefined) fail(ExitCode.badFeature, `${format} not supported as output format`);
      write(render(data, options));
    },
  };
}
