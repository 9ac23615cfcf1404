/** The status codes of gRPC: their numbers, and their names as grpc-go prints them. */
/** https://grpc.io/docs/guides/status-codes/ */
export const Code = {
  Ok: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/** By number. */
export const codeNames: readonly string[] = Object.entries(Code).map(([name, code]) =>
  code === Code.Ok ? 'OK' : name,
);

/** As grpc-go prints it: `OutOfRange`, `Code(99)`. */
export const codeName = (code: number): string => codeNames[code] ?? `Code(${code})`;
