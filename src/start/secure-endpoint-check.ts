/** Whether an endpoint that DNS names for TLS can be taken. */
import { osNetwork } from '../lib/os/net.js';
import type { TlsContents } from '../lib/tls.js';

const TIMEOUT_MS = 5000;

/**
 * undefined when it can, else the reason. Without authorities it must be to be reached, as with etcd; with them it must
 * show a certificate of theirs that is for the domain. `etcd-diff:` etcd connects alone in either case, though it is
 * told authorities (GHSA-j86v-2vjr-fg8f).
 */
export async function secureEndpointCheck(
  { host, port }: { readonly host: string; readonly port: number },
  tls: TlsContents | undefined,
): Promise<string | undefined> {
  try {
    const { socket } = await osNetwork.dial({ t: 'tcp', host, port }, { tls, timeoutMs: TIMEOUT_MS });
    socket.destroy();
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
