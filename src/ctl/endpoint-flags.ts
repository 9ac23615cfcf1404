/** Flags of the commands that go from endpoint to endpoint. */
import { flag } from '../cli/flags.js';

export const clusterFlag = { cluster: flag.bool('ask all members that the cluster knows of') } as const;
