/** etcdctl sends a TTL only when it is above zero; anything else means for ever. */
export const ttlOf = (seconds: number): { readonly ttlSeconds?: number } =>
  seconds > 0 ? { ttlSeconds: seconds } : {};
