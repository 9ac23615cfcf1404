/** What a member that starts asks the others, before it has a transport of its own. */
import { httpAsk } from '../lib/os/http-get.js';
import type { DecisionWorld } from '../member/bootstrap/types.js';

/** More than any list of members has. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export const decisionCalls: DecisionWorld['calls'] = {
  async members(url, signal) {
    const { text, clusterId } = await ask(`${url}/members`, signal);
    if (!/^[0-9a-f]{1,16}$/.test(clusterId)) throw new Error(`invalid cluster ID "${clusterId}"`);
    return { json: text, clusterId: BigInt(`0x${clusterId}`) };
  },
  async version(url, signal) {
    const { text } = await ask(`${url}/version`, signal);
    const { etcdserver, etcdcluster } = JSON.parse(text) as Record<string, unknown>;
    return { server: String(etcdserver), cluster: String(etcdcluster) };
  },
  async downgradeEnabled(url, signal) {
    const { text, status } = await ask(`${url}/downgrade/enabled`, signal);
    if (status !== 200) throw new Error(`HTTP ${status}`);
    return text.trim() === 'true';
  },
};

async function ask(url: string, signal: AbortSignal) {
  const { status, headers, text } = await httpAsk(url, signal, MAX_ANSWER_BYTES);
  const clusterId = headers['x-etcd-cluster-id'];
  return { text, status, clusterId: typeof clusterId === 'string' ? clusterId : '' };
}
