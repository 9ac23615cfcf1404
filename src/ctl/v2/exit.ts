/** Exit codes of the v2 client; those of the other commands are in `cli/exit.ts`. */
export const Ctl2Exit = {
  /** Arguments, flags; and whatever goes wrong with members, users and roles. */
  badArgs: 1,
  /** Nobody could be asked for the cluster's endpoints. */
  badConnection: 2,
  unknownCommand: 3,
  /** A server's refusal, or no server at all. */
  serverError: 4,
  clusterNotHealthy: 5,
} as const;
