/** What the users' store shows. Source: etcd's server/auth/metrics.go. */
import type { Scalars } from '../lib/metrics.js';

/** What is read at each scrape. */
export interface AuthFigures {
  readonly authRevision: number;
}

export const AUTH_SCALARS: Scalars<AuthFigures> = {
  etcd_debugging_auth_revision: ['gauge', 'The current revision of auth store.', (f) => f.authRevision],
};
