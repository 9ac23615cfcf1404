/**
 * How a command ends other than well. Codes are etcdctl's (etcd's pkg/cobrautl/error.go); `Error: <message>` goes to
 * stderr.
 */
export const ExitCode = {
  /** A server's refusal, an unknown flag or command, anything unforeseen. */
  error: 1,
  badConnection: 2,
  /** Malformed input: transactions, watch lines. */
  invalidInput: 3,
  /** An unknown output format, order, consistency, load. */
  badFeature: 4,
  interrupted: 5,
  io: 6,
  badArgs: 128,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends the command with `exitCode`; the message is printed after `Error: `. An undefined message prints nothing. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly exitCode: number,
    override readonly message: string,
    /** False: what there was to say has been said; only the code remains. */
    readonly isPrinted: boolean = true,
  ) {
    super(message);
  }
}

/** `fail(ExitCode.badArgs, 'put command needs …')` */
export function fail(exitCode: number, message: string): never {
  throw new CliError(exitCode, message);
}

/** Ends with `exitCode` and without another word. */
export function exitSilently(exitCode: number): never {
  throw new CliError(exitCode, '', false);
}
