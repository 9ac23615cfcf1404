/** Whether a server speaks TLS and shows a certificate that fits a name. */
import { osNetwork } from '../lib/os/net.js';
import { readFile } from '../lib/os/read-file.js';

const TIMEOUT_MS = 5000;

/** undefined when it does, else the reason. */
export async function rawTlsCheck(
  { host, port }: { readonly host: string; readonly port: number },
  serverName: string,
  caFile: string,
): Promise<string | undefined> {
  try {
    const ca = caFile === '' ? undefined : readFile(caFile);
    const { socket } = await osNetwork.dial(
      { t: 'tcp', host, port },
      { tls: { serverName, ca }, timeoutMs: TIMEOUT_MS },
    );
    socket.destroy();
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
